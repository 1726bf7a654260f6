"""Outline: a network of any origin as its stem, its units in order, and its end."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import groupby

import torch
from torch import Tensor, fx, nn

from plusx.doctor.identity.layer import Layer, Shape, Shapes, read
from plusx.doctor.identity.shapes import shapes_of
from plusx.doctor.identity.ways import Ways
from plusx.graph import Join, joins, names, trace
from plusx.graph.flow import Flow

__all__ = ["Outline", "Row", "outline"]


@dataclass(frozen=True, kw_only=True)
class Row:
    """A unit: its ways in layers, and the shapes of one sample before and after it."""

    name: str
    x: Shape
    y: Shape
    shortcut: tuple[Layer, ...]
    transform: tuple[Layer, ...]
    concat: bool = False  # else a sum
    inner: int = 0  # units within its transform

    @property
    def convs(self) -> tuple[Layer, ...]:
        """The layers of the transform that have weights to learn a map."""
        return tuple(layer for layer in self.transform if layer.kind in ("conv", "linear"))

    @property
    def width(self) -> int:
        """The channels that the unit gives."""
        return self.y[0] if len(self.y) > 2 or len(self.y) == 1 else self.y[-1]

    @property
    def identity(self) -> bool:
        """Whether the shortcut is x itself."""
        return not self.shortcut and self.keeps_shape

    @property
    def keeps_shape(self) -> bool:
        """Whether y has the shape of x, or of a concatenation all but the channels."""
        return self.x == self.y or (self.concat and self.x[1:] == self.y[1:])


@dataclass(frozen=True, kw_only=True)
class Outline:
    """`gaps[i]` are the layers between unit i - 1 and unit i: the first is the stem."""

    params: int
    x: Shape
    rows: tuple[Row, ...]
    gaps: tuple[tuple[Layer, ...], ...]

    @property
    def stem(self) -> tuple[Layer, ...]:
        """What stands before the first unit."""
        return self.gaps[0]

    @property
    def end(self) -> tuple[Layer, ...]:
        """What stands after the last unit."""
        return self.gaps[-1]

    @cached_property
    def layers(self) -> tuple[Layer, ...]:
        """All layers in order."""
        found = list(self.gaps[0])
        for row, gap in zip(self.rows, self.gaps[1:]):
            found += [*row.shortcut, *row.transform, *gap]
        return tuple(found)

    @cached_property
    def stages(self) -> tuple[tuple[str, int], ...]:
        """How many units of one kind follow each other: (("16 channels", 3), ...).

        By width; by the size of the map where nearly every unit has a width of its own (dense
        networks, pyramids).
        """
        widths = _runs(f"{row.width} channels" for row in self.rows)
        if len(widths) <= max(5, 3 * len(self.rows) // 4):
            return widths
        return _runs("x".join(map(str, row.x[1:])) for row in self.rows)

    @property
    def loose(self) -> tuple[Layer, ...]:
        """The convolutions and linear layers that stand in no unit."""
        return tuple(
            layer for gap in self.gaps for layer in gap if layer.kind in ("conv", "linear")
        )


def _runs(keys: Iterable[str]) -> tuple[tuple[str, int], ...]:
    return tuple((key, len(list(run))) for key, run in groupby(keys))


def outline(model: nn.Module, inputs: Sequence[object]) -> Outline:
    """Trace a network, in the mode it has, with two samples, and read its graph.

    Raises `InputError` where it cannot be traced.
    """
    traced = trace(model, inputs)
    found = joins(traced.module)
    shapes = shapes_of(traced, inputs)
    ways = Ways(Flow(traced.module))
    regions = [{*ways.of(j, (j.shortcut, *j.transform)), *j.merge} for j in found]
    outer = _outer(found, regions)
    addresses = names(found)
    rows = tuple(
        _row(addresses[place], found[place], ways, shapes, _inside(regions[place], found))
        for place in outer
    )
    taken = {node for place in outer for node in regions[place]}
    ends = {found[place].y for place in outer}
    gaps: list[list[Layer]] = [[]]
    for node in ways.flow.nodes:
        if node not in taken and not ways.flow.is_constant(node):
            gaps[-1] += read(node, shapes)
        if node in ends:
            gaps.append([])
    return Outline(
        params=sum(parameter.numel() for parameter in model.parameters()),
        x=next(tuple(value.shape[1:]) for value in inputs if isinstance(value, Tensor)),
        rows=rows,
        gaps=tuple(map(tuple, gaps)),
    )


def _outer(found: Sequence[Join], regions: Sequence[set[fx.Node]]) -> list[int]:
    """Return the places of the joins that lie in no other one, in order."""
    inside: dict[fx.Node, set[int]] = {}
    for place, region in enumerate(regions):
        for node in region:
            inside.setdefault(node, set()).add(place)
    return [place for place, join in enumerate(found) if inside[join.y] <= {place}]


def _inside(region: set[fx.Node], found: Sequence[Join]) -> int:
    return sum(join.y in region for join in found) - 1


def _row(name: str, join: Join, ways: Ways, shapes: Shapes, inner: int) -> Row:
    return Row(
        name=name,
        x=shapes[join.x][1:],
        y=shapes[join.y][1:],
        shortcut=_layers(ways.of(join, (join.shortcut,)), shapes),
        transform=_layers(ways.of(join, join.transform), shapes),
        concat=any(node.op == "call_function" and node.target is torch.cat for node in join.merge),
        inner=inner,
    )


def _layers(nodes: Sequence[fx.Node], shapes: Shapes) -> tuple[Layer, ...]:
    """Read the layers of a way; what works on one place of a larger map is a gate's own."""
    found = [layer for node in nodes for layer in read(node, shapes)]
    larger = any(_places(layer.y) > 1 for layer in found)
    kept = [layer for layer in found if not larger or _places(layer.y) > 1 or len(layer.y) < 3]
    return tuple(layer for layer in kept if layer.kind != "pool" or layer.name != "global pool")


def _places(shape: Shape) -> int:
    places = 1
    for side in shape[1:]:
        places *= side
    return places
