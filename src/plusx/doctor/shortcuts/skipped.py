"""Blocks in the row without a skip, and two blocks under one."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from torch import fx

from plusx.doctor.finding import Finding
from plusx.doctor.patient import Patient
from plusx.doctor.shortcuts.row import Layers, Link, Row, heavy, is_sum
from plusx.graph.nodes import owner

__all__ = ["skipped"]

CHECK = "shortcuts.row"


def skipped(patient: Patient) -> Iterator[Finding]:
    """Look for what units are made of, where no unit is, and twice in one unit."""
    row = patient.row
    bare = [block for block in _bare_blocks(row) if _could_have_one(row, block)]
    double = [link for link in row.links if _is_double(row, link)]
    if bare:
        yield _no_shortcut(row, bare)
    if double:
        yield _two_under_one(double, row)
    if not bare and not double:
        yield Finding(
            check=CHECK,
            verdict="fine",
            title="Every block of the row has a skip of its own",
            figure=f"{len(row.links)} units, none of two blocks, and no block without",
        )


@dataclass(frozen=True, eq=False)
class _Block:
    """A piece between units that is made of what units are made of."""

    place: str
    layers: Layers
    start: fx.Node
    end: fx.Node


def _bare_blocks(row: Row) -> list[_Block]:
    taken = {n for link in row.links for n in (*link.way, *link.work, *link.join.merge)}
    found: list[_Block] = []
    for nodes in (*_modules(row, taken), *_gaps(row, taken)):
        layers = row.layers(nodes)
        learning = [node for node in nodes if node in row.flow.learning]
        if row.usual[layers] < 2 or any(learning[0] in _span(row, block) for block in found):
            continue
        start = next(n for n in learning[0].all_input_nodes if not row.flow.is_constant(n))
        found.append(_Block(row.place(learning), layers, start, learning[-1]))
    return found


def _span(row: Row, block: _Block) -> set[fx.Node]:
    return set(row.between(block.start, block.end))


def _modules(row: Row, taken: set[fx.Node]) -> Iterator[list[fx.Node]]:
    """Return what modules do that have no part in a unit and stand where others have one."""
    pieces: dict[str, list[fx.Node]] = {}
    for node in row.flow.nodes:
        words = owner(node).split(".") if owner(node) else []
        for size in range(1, len(words) + 1):
            pieces.setdefault(".".join(words[:size]), []).append(node)
    known = {_pattern(link.join.holder) for link in row.links}
    for address, nodes in sorted(pieces.items(), key=lambda item: item[0].count(".")):
        if not taken.intersection(nodes) and _pattern(address) in known:
            yield nodes


def _pattern(address: str) -> str:
    """Return the address with every number alike: a block's neighbours have the same."""
    return re.sub(r"\d+", "#", address)


def _gaps(row: Row, taken: set[fx.Node]) -> Iterator[list[fx.Node]]:
    """Return what stands between the end of each unit and the start of the next."""
    for at, link in enumerate(row.links):
        before = [one for one in row.links[:at] if row.comes_from(link.join.x, one.join.y)]
        if before:
            gap = row.between(before[-1].join.y, link.join.x)
            if not taken.intersection(gap):
                yield gap


def _could_have_one(row: Row, block: _Block) -> bool:
    """Tell whether the block keeps the shape, or others have a shortcut that changes it.

    The inverted bottlenecks of MobileNetV2 (Sandler et al. 2018, section 3.3) have a skip only
    where the shape stays.
    """
    sums = [link for link in row.links if is_sum(link)]
    ends = [(block.start, block.end), *((link.join.x, link.join.y) for link in sums)]
    values = row.values({node for pair in ends for node in pair})
    kept, *others = (values[a].shape == values[b].shape for a, b in ends)
    return kept or not all(others)


def _is_double(row: Row, link: Link) -> bool:
    """Tell whether a transform is made of two that others have singly, and holds no unit."""
    if not is_sum(link) or any(other.join.y in link.work for other in row.links):
        return False
    layers, usual = link.layers, row.usual
    for at in range(2, len(layers) - 1):
        first, second = layers[:at], layers[at:]
        known = usual[first] and usual[second]
        if known and usual[first] + usual[second] > 2 * usual[layers]:
            return heavy(first) > 1 and heavy(second) > 1
    return False


def _no_shortcut(row: Row, bare: list[_Block]) -> Finding:
    alike = row.usual[bare[0].layers]
    return Finding(
        check=CHECK,
        verdict="wrong" if 2 * len(bare) <= alike else "warning",
        title="A block has no skip" if len(bare) == 1 else f"{len(bare)} blocks have no skip",
        figure=f"{len(bare)} of {alike + len(bare)} blocks with these layers have none",
        threshold="blocks with the same layers are built alike: in healthy networks of the zoo, "
        "torchvision and timm all have a skip where the shape allows it",
        place=bare[0].place,
        cause="no shortcut",
        why=f"{', '.join(bare[0].layers)} stands in the row without a sum, "
        f"and {alike} others have one",
        next="add the block's input to its output, y = x + f(x), as in its neighbours",
        weight=3,
    )


def _two_under_one(double: list[Link], row: Row) -> Finding:
    first = double[0]
    return Finding(
        check=CHECK,
        verdict="wrong",
        title="One skip spans two blocks",
        figure=f"{heavy(first.layers)} weight layers under one skip in {len(double)} of "
        f"{len(row.links)} units; in the others {_most(row)}",
        threshold="as many as in the network's other units",
        place=first.name,
        cause="two blocks under one skip",
        why="its transform is what two other units have, one after the other",
        next="give each of the two blocks its own skip",
        weight=3,
    )


def _most(row: Row) -> int:
    return heavy(row.usual.most_common(1)[0][0])
