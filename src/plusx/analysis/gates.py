"""Which gates does a network have, and what do they weigh?"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from torch import Tensor, nn

from plusx.analysis.gate_layout import Layout
from plusx.analysis.gated_pass import ROOT, GatedPass, Seen, seeing
from plusx.errors import InputError, nearest
from plusx.unit import outer_units

__all__ = ["Gate", "Kind", "among", "found_gates", "gates", "named"]

FEW = 3
"""Names that an error gives."""
Kind = Literal["channel", "spatial", "both", "pairs", "other axes"]


@dataclass(frozen=True, eq=False)
class Gate:
    """A product of a value (B, C, places) with weights that are a function of this very value.

    `kind` says for what there is a weight: each channel, each place, each channel at each place, or
    each pair of places (as in a non-local block); "other axes" where it is for something else
    (branches that lie in one tensor, as those of a selective kernel; pairs of channels). `unit` is
    the address of the residual unit that it stands in, "" for none and where that is the network.
    """

    name: str
    module: nn.Module
    kind: Kind
    unit: str


def gates(model: nn.Module, images: Tensor) -> list[Gate]:
    """Find every gate of `model`, ours or not, in the order of execution.

    They are found in the graph of a forward pass, by what it computes and by no name of a class:
    SE, ECA, CBAM, BAM and the like, and the pairwise function of a non-local block. `images` is an
    example of what forward takes. A gate is named after the smallest module that makes its weights
    and its product, or its weights alone where that makes several gates, and numbered where even
    that does; "(network)" is the network itself. Raises `InputError` where it cannot be traced.

    >>> import torch
    >>> from plusx import create
    >>> model = create("resnet8", num_classes=10, attention="se")
    >>> [(gate.name, gate.kind) for gate in gates(model, torch.zeros(1, 3, 32, 32))][:1]
    [('stages.0.0.unit.transform.gate', 'channel')]
    """
    with seeing(model) as passes:
        return found_gates(passes, images)


def found_gates(passes: GatedPass, images: Tensor) -> list[Gate]:
    """Find the gates of a network that is open to sight; one without any is refused."""
    few, model = images[:2], passes.model
    seen = passes(few)
    units = [unit.name for unit in outer_units(model)] or passes.holders(few)
    found = []
    for name in seen.weights:
        address = name.partition(":")[0]
        address = "" if address == ROOT else address
        around = (unit for unit in _around(address, units) if passes.stands_in(few, name, unit))
        kind = _kind(seen, name, passes.layouts(few)[name], few.dim())
        found.append(Gate(name, model.get_submodule(address), kind, next(around, "")))
    return found


def named(found: Sequence[Gate], name: str | None) -> Gate:
    """Return the gate of this name, or the only one; raise `InputError` where there is none."""
    known = [gate.name for gate in found]
    if not known:
        raise InputError(
            "the network has no gate, expected one that has attention; plusx.create(..., "
            'attention="se") makes one. Attention in one fused operation (as of vit_* networks) is '
            "not looked into"
        )
    for gate in found:
        if gate.name == name or (name is None and len(found) == 1):
            return gate
    given = "no gate was chosen of several" if name is None else f"the network has no gate {name!r}"
    raise InputError(f"{given}{among(name or '', known)}")


def among(name: str, known: Sequence[str]) -> str:
    """Return the end of an error about a name: the nearest of those known, or the first few.

    >>> among("stages.9.unit", ["stages.0.gate", "stages.1.gate"])
    "; did you mean 'stages.1.gate' or 'stages.0.gate'?"
    >>> among("x", ["a1", "a2", "a3", "a4"])
    "; it has 4, such as 'a1', 'a2', 'a3'"
    """
    few = ", ".join(map(repr, known[:FEW]))
    most = f"{len(known)}, such as " if len(known) > FEW else ""
    return nearest(name, known, count=FEW) or f"; it has {most}{few}"


def _kind(seen: Seen, name: str, layout: Layout, axes: int) -> Kind:
    """Read the kind off the axes that the weights share with the value, of images of so many."""
    summed = seen.summed[name]
    if summed is not None:
        axis = layout.dims + (-2 if summed == -1 else -1)  # of the value: rows, or columns
        return "pairs" if not layout.places or axis in layout.places else "other axes"
    weights, value = seen.weights[name], seen.values[name]
    if value.dim() > max(axes, 4):
        return "other axes"
    many_places = any(size > 1 for size in weights.shape[2:])
    if weights.shape[1] == 1 and (many_places or value.shape[1] > 1):
        return "spatial"  # also where the map has shrunk to one place
    return "both" if many_places else "channel"


def _around(gate: str, units: Sequence[str]) -> Iterator[str]:
    """Yield the units around a gate, the smallest first, and the gate where it is itself one.

    A gate x + x * a(x) is a unit of its own in a graph.
    """
    outer = [unit for unit in units if unit and gate.startswith(f"{unit}.")]
    yield from sorted(outer, key=len, reverse=True)
    if gate and gate in units:
        yield gate
