"""GatedPass: forward passes of a network in which its gates are seen, or changed."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import final

from torch import Tensor, nn

from plusx.analysis.gate_layout import Layout, layouts
from plusx.analysis.untouched import untouched
from plusx.errors import InputError
from plusx.graph import Gating, Join, Traced, gatings, joins, names, numbered, run, trace
from plusx.graph.flow import Flow

__all__ = ["ROOT", "Changes", "GatedPass", "Seen", "seeing"]

ROOT = "(network)"
"""The address of what the network's own forward makes: for a person an empty one is none."""

Changes = Mapping[str, Callable[[Tensor], Tensor]]
"""By the name of a gate, what is to be put in the place of a value of its."""


@dataclass(frozen=True, eq=False)
class Seen:
    """One pass. Each of `values`, `weights`, `products`, `sources` is by the name of the gate.

    Values are (B, C, places) however they lie in the graph, and weights have as many axes: (B, C or
    1, places or 1). `summed` is the axis of them that a matrix product sums over, None of a product
    place by place; there neither is moved.
    """

    output: object
    values: dict[str, Tensor]
    weights: dict[str, Tensor]
    raw: dict[str, Tensor]
    """The weights as they are in the graph, for gradients to go through."""
    products: dict[str, Tensor]
    sources: dict[str, Tensor]
    """What the weights are made of: the value, or what the value is made of, too."""
    summed: dict[str, int | None]
    joins: dict[str, tuple[Tensor, Tensor, Tensor]]
    """By the address of a residual unit: x, shortcut(x) and transform(x)."""

    @property
    def logits(self) -> Tensor:
        """The output, (B, classes); of several the first."""
        output = self.output
        while isinstance(output, dict | tuple | list) and output:
            output = next(iter(output.values())) if isinstance(output, dict) else output[0]
        if not isinstance(output, Tensor) or output.dim() != 2:
            raise InputError("the network does not give logits, expected (batch, classes)")
        return output


@dataclass(frozen=True, eq=False)
class _Opened:
    traced: Traced
    flow: Flow
    gates: dict[str, Gating]
    units: dict[str, Join]


@final
class GatedPass:
    """seen = passes(images): a forward pass in evaluation mode through the graph of `model`.

    It is traced for each shape of images, since a graph may hold the size of its batch. Made by
    `seeing`, which leaves the network as it was.
    """

    def __init__(self, model: nn.Module) -> None:
        self.model = model
        self._opened: dict[tuple[int, ...], _Opened] = {}
        self._layouts: dict[str, Layout] | None = None

    def __call__(
        self,
        images: Tensor,
        *,
        weights: Changes | None = None,
        values: Changes | None = None,
        with_units: bool = False,
    ) -> Seen:
        """Run one batch; `weights` and `values` change those of some gates, by name."""
        opened = self._open(images)
        lie = self.layouts(images)
        instead = {
            getattr(opened.gates[name], what): _moved(change, lie[name])
            for what, changes in (("weights", weights), ("value", values))
            for name, change in (changes or {}).items()
        }
        units = opened.units if with_units else {}
        every = opened.gates.values()
        wanted = {n for g in every for n in (g.value, g.weights, g.product, g.source)}
        wanted |= {n for j in units.values() for n in (j.x, j.shortcut, j.transform[0])}
        output, found = run(opened.traced, (images,), wanted, instead=instead)
        of = opened.gates.items()
        return Seen(
            output,
            {name: _first(found[gate.value], lie[name], gate) for name, gate in of},
            {
                name: _first(_like(found[gate.weights], found[gate.value]), lie[name], gate)
                for name, gate in of
            },
            {name: found[gate.weights] for name, gate in of},
            {name: found[gate.product] for name, gate in of},
            {name: found[gate.source] for name, gate in of},
            {name: gate.summed for name, gate in of},
            {n: (found[j.x], found[j.shortcut], found[j.transform[0]]) for n, j in units.items()},
        )

    def layouts(self, images: Tensor) -> dict[str, Layout]:
        """Tell how the values of the gates lie, by name; asked of the first two images ever."""
        if self._layouts is None:
            opened = self._open(images[:2])
            self._layouts = layouts(opened.traced, opened.flow, images[:2], opened.gates)
        return self._layouts

    def holders(self, images: Tensor) -> list[str]:
        """Return the addresses of the residual units that the graph shows."""
        return [join.holder for join in self._open(images).units.values()]

    def stands_in(self, images: Tensor, gate: str, unit: str) -> bool:
        """Tell whether the graph weighs between x and y of a residual unit at this address."""
        opened = self._open(images)
        product, flow = opened.gates[gate].product, opened.flow
        units = (join for join in opened.units.values() if join.holder == unit)
        return any(
            flow.bit[join.x] & flow.above[product] and flow.bit[product] & flow.above[join.y]
            for join in units
            if product is not join.x
        )

    def _open(self, images: Tensor) -> _Opened:
        shape = tuple(images.shape)
        if shape not in self._opened:
            traced = trace(self.model, (images,))
            units = joins(traced.module)
            found = gatings(traced.module)
            self._opened[shape] = _Opened(
                traced,
                Flow(traced.module),
                dict(zip(numbered([gate.holder or ROOT for gate in found]), found, strict=True)),
                dict(zip(names(units), units, strict=True)),
            )
        return self._opened[shape]


@contextmanager
def seeing(model: nn.Module) -> Iterator[GatedPass]:
    """Open a network to sight, in evaluation mode; it is given back as it was."""
    with untouched(model):
        model.eval()
        yield GatedPass(model)


def _like(weights: Tensor, value: Tensor) -> Tensor:
    """Return the weights with an axis for each of the value's, and those of each sample."""
    missing = value.dim() - weights.dim()
    weights = weights[(None,) * missing] if missing > 0 else weights
    return weights.expand(len(value), *weights.shape[1:]) if len(weights) == 1 else weights


def _first(found: Tensor, layout: Layout, gate: Gating) -> Tensor:
    """Return a value or weights with the channels behind the batch."""
    return found if gate.summed is not None else found.movedim(layout.channels, 1)


def _moved(change: Callable[[Tensor], Tensor], layout: Layout) -> Callable[[Tensor], Tensor]:
    """Make of a change of (B, C, places) one of what lies otherwise, or lacks the first axes."""

    def moved(found: Tensor) -> Tensor:
        missing = layout.dims - found.dim()
        made = change(found[(None,) * missing].movedim(layout.channels, 1))
        return made.movedim(1, layout.channels)[(0,) * missing]

    return moved
