"""Skips that start at another place than their unit's transform, or end before its norm."""

from collections.abc import Iterator

from torch import fx

from plusx.doctor.finding import Finding
from plusx.doctor.patient import Patient
from plusx.doctor.shortcuts.row import Layers, Link, Row, heavy, is_sum
from plusx.graph.nodes import inside, kind
from plusx.graph.path import NORMS

__all__ = ["source"]

CHECK = "shortcuts.ends"
BATCH_NORMS = {"batchnorm", "batchnorm1d", "batchnorm2d", "batchnorm3d", "syncbatchnorm"}


def source(patient: Patient) -> Iterator[Finding]:
    """Compare where each unit's skip starts and ends with where the others' do."""
    row = patient.row
    over = [link for link in row.links if _spans_a_unit(row, link)]
    late = [link for link in row.links if _starts_inside(row, link)]
    early = [link for link in row.links if _ends_before_the_norm(row, link)]
    if over:
        yield _elsewhere(over[0], len(over), "it starts where the unit before it starts")
    elif late:
        yield _elsewhere(late[0], len(late), "it starts behind the first layers of its block")
    if early:
        yield _before_the_norm(row, early)
    if not (over or late or early):
        yield Finding(
            check=CHECK,
            verdict="fine",
            title="Every skip starts and ends with its block",
            figure=f"{len(row.links)} units looked at",
        )


def _spans_a_unit(row: Row, link: Link) -> bool:
    """Tell whether a skip starts at the unit before: what it spans is that unit and a block."""
    if not is_sum(link):
        return False
    inner = [other for other in row.links if other is not link and other.join.y in link.work]
    if not any(other.join.x is link.join.x for other in inner):
        return False
    theirs = {n for other in inner for n in (*other.way, *other.work, *other.join.merge)}
    rest = row.layers(node for node in link.work if node not in theirs)
    return row.usual[rest] > 0


def _starts_inside(row: Row, link: Link) -> bool:
    """Tell whether the block's first layers stand before the skip, and make it a usual one."""
    if not is_sum(link) or row.usual[link.layers] > 1:
        return False
    before = _before(row, link)
    return heavy(before) > 0 and any(
        row.usual[before[at:] + link.layers] > 1 for at in range(len(before)) if heavy(before[at:])
    )


def _before(row: Row, link: Link) -> Layers:
    """Return the layers between the unit before and this, or the module's own if that is first."""
    at = row.links.index(link)
    done = [other for other in row.links[:at] if row.comes_from(link.join.x, other.join.y)]
    if done:
        return row.layers(row.between(done[-1].join.y, link.join.x))
    holder = link.join.holder
    mine = [n for n in row.flow.nodes if holder and inside(n, holder)]
    return row.layers(node for node in mine if row.comes_from(link.join.x, node))


def _ends_before_the_norm(row: Row, link: Link) -> bool:
    """Tell whether a batch norm takes the sum alone, and would make the transform a usual one."""
    after = _after(link.join.y)
    if after is None or kind(after) not in BATCH_NORMS or row.usual[link.layers] > 1:
        return False
    ends = [other for other in row.links if other.layers and _is_norm(other.layers[-1])]
    return row.usual[link.layers + row.layers([after])] > 1 and len(ends) > len(row.links) / 2


def _after(node: fx.Node) -> fx.Node | None:
    users = list(node.users)
    return users[0] if len(users) == 1 else None


def _is_norm(word: str) -> bool:
    return word.partition("(")[0] in NORMS


def _elsewhere(link: Link, count: int, where: str) -> Finding:
    return Finding(
        check=CHECK,
        verdict="wrong",
        title="A skip starts at another place than its block",
        figure=f"{count} skip{'s' if count > 1 else ''}: {where}",
        threshold="skip and transform start at one place, as in the network's other units",
        place=link.name,
        cause="shortcut from elsewhere",
        why="what is added is not the input of the block",
        next="add the input of the block itself: keep it in a variable before its first layer",
        weight=3,
    )


def _before_the_norm(row: Row, early: list[Link]) -> Finding:
    return Finding(
        check=CHECK,
        verdict="wrong",
        title="The skip is added before the last norm",
        figure=f"in {len(early)} of {len(row.links)} units a batch norm follows the sum",
        threshold="in the network's other units the norm ends the transform",
        place=early[0].name,
        cause="shortcut before the norm",
        why="the norm then rescales what the skip carries: it is the identity no more "
        "(He et al. 2016, figure 4b)",
        next="put the sum behind the norm: y = x + norm(conv(...))",
        weight=3,
    )
