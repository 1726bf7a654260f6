"""The row of units as the graph of a forward pass shows it, with what stands between them."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, final

from torch import Tensor, fx

from plusx.doctor.finding import NotApplicable
from plusx.errors import InputError
from plusx.graph import Join, Traced, joins, run, trace
from plusx.graph.flow import Flow
from plusx.graph.name import names
from plusx.graph.nodes import cat_terms, common_owner, kind, owner
from plusx.graph.path import NORMS
from plusx.unit import declared_units

if TYPE_CHECKING:
    from plusx.doctor.patient import Patient

__all__ = ["Layers", "Link", "Row", "graph_of", "heavy", "is_sum"]

Layers = tuple[str, ...]
"""What a piece of a graph is made of: layers with parameters, in order, without their widths."""


@dataclass(frozen=True, eq=False)
class Link:
    """One unit in the row: its join, and the operations of its two ways."""

    name: str
    join: Join
    way: tuple[fx.Node, ...]
    work: tuple[fx.Node, ...]
    layers: Layers


@final
class Row:
    """The units of a network in order of execution, of all its joins."""

    def __init__(self, traced: Traced, inputs: Sequence[object]) -> None:
        self.traced = traced
        self.inputs = inputs
        found = joins(traced.module)
        self.flow = Flow(traced.module)
        self.links = tuple(self._link(name, join) for name, join in zip(names(found), found))

    def _link(self, name: str, join: Join) -> Link:
        way = tuple(self.flow.between(join.x, (join.shortcut,)))
        work = tuple(self.flow.between(join.x, join.transform))
        return Link(name, join, way, work, self.layers(work))

    def layers(self, nodes: Iterable[fx.Node]) -> Layers:
        """Return the layers with parameters among the operations."""
        return tuple(self._word(node) for node in nodes if node in self.flow.learning)

    def _word(self, node: fx.Node) -> str:
        word = kind(node)
        if node.op == "call_module":
            module = self.traced.module.get_submodule(str(node.target))
            size = getattr(module, "kernel_size", "")
            word += str(size) if isinstance(size, tuple) else ""
        return word

    @cached_property
    def usual(self) -> Counter[Layers]:
        """What the transforms are made of, and how many of each; those of two layers or more."""
        return Counter(link.layers for link in self.links if heavy(link.layers) > 1)

    def between(self, start: fx.Node, end: fx.Node) -> list[fx.Node]:
        """Return the operations on the ways from start to end, end among them."""
        return self.flow.between(start, (end,))

    def comes_from(self, node: fx.Node, source: fx.Node) -> bool:
        """Tell whether a value is made of another, or is it."""
        return bool(self.flow.above[node] & self.flow.bit[source])

    def values(self, wanted: Iterable[fx.Node]) -> dict[fx.Node, Tensor]:
        """Return the values of some operations in a pass."""
        return run(self.traced, self.inputs, set(wanted))[1]

    def place(self, nodes: Iterable[fx.Node]) -> str:
        """Return the address of the smallest module that does all of these operations."""
        return common_owner([node for node in nodes if owner(node)] or list(nodes))


def heavy(layers: Layers) -> int:
    """Return how many of the layers are convolutions, linear maps and the like: no norms."""
    return sum(word.partition("(")[0] not in NORMS for word in layers)


def is_sum(link: Link) -> bool:
    """Tell whether shortcut and transform are added, not concatenated."""
    return cat_terms(link.join.y) is None


def graph_of(patient: "Patient") -> tuple[Traced, Sequence[object]]:
    """Trace the network in the mode that it has; also return the inputs of that pass.

    Raises `NotApplicable` where that cannot be.
    """
    inputs = (patient.x[:2] if not patient.material.context else patient.x,)
    inputs += patient.material.context  # type: ignore[assignment]
    ours = bool(declared_units(patient.model)) and not patient.material.context
    try:  # torch.export is asked for foreign networks only: it is slow, and ours say their units
        return trace(patient.model, None if ours else inputs), inputs
    except InputError as error:
        raise NotApplicable(f"its graph cannot be seen: {str(error).splitlines()[0]}") from error
