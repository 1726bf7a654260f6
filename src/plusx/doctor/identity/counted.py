"""Another number of units: a stage too deep, a skip left out, two blocks under one skip."""

from itertools import zip_longest

from plusx.doctor.identity.outline import Outline, Row
from plusx.doctor.identity.unlike import Difference, number

__all__ = ["counted"]


def counted(given: Outline, meant: Outline) -> Difference | None:
    """Compare how many units there are, and what has become of those that lack."""
    a, b = len(given.rows), len(meant.rows)
    if a == b:
        return _stages(given, meant)
    units = f"{number(a)} unit{'s' * (a != 1)} instead of {number(b)}"
    if a == 0:
        return Difference("no shortcut", f"no unit has a shortcut, {number(b)} were meant", "")
    if b == 0:
        said = f"{number(a)} unit{'s' * (a != 1)} with a shortcut where none was meant"
        return Difference("another network", said, given.rows[0].name)
    wide = next((row for row in given.rows if row.inner > max(r.inner for r in meant.rows)), None)
    if a < b and wide is not None:
        return Difference(
            "shortcut from elsewhere", f"a skip spans another one: {units}", wide.name
        )
    if a < b and len(given.loose) > len(meant.loose):
        return Difference("no shortcut", f"layers without a skip: {units}", _loose(given, meant))
    deep = _deep(given, meant)
    if a < b and deep is not None and _convs(given) == _convs(meant):
        layers = f"{number(len(deep.convs))} layers under one skip"
        return Difference("two blocks under one skip", f"{layers}: {units}", deep.name)
    return _stages(given, meant) or Difference("wrong depth", units, "")


def _stages(given: Outline, meant: Outline) -> Difference | None:
    """Say which stage has how many units instead of how many."""
    if given.stages == meant.stages:
        return None
    a, b = ([count for _, count in found.stages] for found in (given, meant))
    if len(a) != len(b):
        said = f"{_listed(a)} units in its stages instead of {_listed(b)}"
        return Difference("wrong depth", said, "") if sum(a) != sum(b) else None
    if a == b:
        return None  # other widths
    if len(set(a)) == len(set(b)) == 1 and len(a) > 1:
        return Difference(
            "wrong depth", f"{number(a[0])} units per stage instead of {number(b[0])}", ""
        )
    stage = next(place for place, (m, n) in enumerate(zip_longest(a, b)) if m != n)
    first = given.rows[sum(a[:stage])]
    said = f"{number(a[stage])} unit{'s' * (a[stage] != 1)} in stage {stage + 1} instead of"
    return Difference("wrong depth", f"{said} {number(b[stage])}", first.name)


def _listed(counts: list[int]) -> str:
    return ", ".join(map(str, counts))


def _convs(of: Outline) -> int:
    return len(of.loose) + sum(len(row.convs) for row in of.rows)


def _deep(given: Outline, meant: Outline) -> Row | None:
    most = max(len(row.convs) for row in meant.rows)
    return next((row for row in given.rows if len(row.convs) > most), None)


def _loose(given: Outline, meant: Outline) -> str:
    """Return the first layer between units that is not between those of the other network."""
    known = [(layer.kernel, layer.x, layer.y) for layer in meant.loose]
    for layer in given.loose:
        key = (layer.kernel, layer.x, layer.y)
        if key not in known:
            return layer.place
        known.remove(key)
    return ""
