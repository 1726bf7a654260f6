"""With transform = 0 a unit is its shortcut; and its shortcut is x once, not twice or nothing."""

from collections.abc import Iterator, Mapping

import torch
from torch import Tensor

from plusx.doctor.finding import Finding
from plusx.doctor.patient import Patient
from plusx.doctor.signal.passing import Way
from plusx.merge import Highway
from plusx.tape import UnitRecord, record
from plusx.unit import Unit

__all__ = ["equation", "records"]

CHECK = "shortcuts.equation"
LITTLE = 0.1
MUCH = 1.5
NOTHING = 1e-3
"""A shortcut with weights is this much smaller than x only if it was scaled away."""


def equation(patient: Patient) -> Iterator[Finding]:
    """Measure how often x itself counts in y, unit by unit."""
    found = patient.need_units()
    seen = records(patient)
    ways = {way.name: way for way in patient.passing.ways}
    times = {
        unit.name: count
        for unit in found
        if unit.name in seen
        and (count := _times(unit, seen[unit.name], ways.get(unit.name))) is not None
    }
    nested = _nested(seen)
    twice = [name for name in seen if name in nested or times.get(name, 1) >= MUCH]
    little = [name for name in seen if times.get(name, 1) < LITTLE and name not in twice]
    if twice:
        yield _twice(twice, times, len(seen))
    if little:
        yield _little(little, times, len(seen))
    if not twice and not little:
        yield Finding(
            check=CHECK,
            verdict="fine",
            title="With a transform of zero every unit is its shortcut",
            figure=f"x counts {_span(times)} in y, in {len(times)} units that pass it on",
            threshold="once",
        )


def records(patient: Patient) -> Mapping[str, UnitRecord]:
    """Return what passes the units in evaluation mode."""
    model = patient.model.eval()
    x = patient.x if patient.material.context else patient.x[:2]
    with record(model) as tape, torch.no_grad():
        model(x, *patient.material.context)
    return tape.units


def _times(unit: Unit, seen: UnitRecord, way: Way | None) -> float | None:
    """Return the coefficient of x in y: of the shortcut in x, times that of y in the shortcut."""
    if way is not None and way.x > 0 and way.s < NOTHING * way.x:
        return way.s / way.x
    c = way.coefficient if way is not None else None
    if c is None or isinstance(unit.merge, Highway):
        return None
    s, t = seen.shortcut, seen.transform
    if s.shape != t.shape or s.shape != seen.y.shape:
        return c  # a concatenation has x among its channels, as it is
    return c * _response(unit, s, t)


def _response(unit: Unit, s: Tensor, t: Tensor) -> float:
    """Return <dy, ds> / <ds, ds> for a change of the shortcut's value, the transform's kept."""
    change = torch.linspace(-1, 1, s.numel(), device=s.device, dtype=s.dtype).reshape(s.shape)
    with torch.no_grad():
        zero = torch.zeros_like(s)
        moved = unit.merge(zero + change, 0 * t) - unit.merge(zero, 0 * t)
    if not isinstance(moved, Tensor) or moved.shape != change.shape:
        return 1.0
    return float((moved * change).sum() / change.square().sum())


def _nested(records: Mapping[str, UnitRecord]) -> set[str]:
    """Return the units whose transform is a unit of the same x: x is added in both."""
    ends = {(id(seen.x), id(seen.y)): name for name, seen in records.items()}
    return {
        name
        for name, seen in records.items()
        if ends.get((id(seen.x), id(seen.transform)), name) != name
    }


def _span(times: Mapping[str, float]) -> str:
    if not times:
        return "once"
    low, high = min(times.values()), max(times.values())
    return f"{low:.3g} times" if high - low < 1e-3 else f"{low:.3g} to {high:.3g} times"


def _twice(names: list[str], times: Mapping[str, float], count: int) -> Finding:
    factor = max(times.get(names[0], 1), 2 if times.get(names[0], 1) < MUCH else 0)
    return Finding(
        check=CHECK,
        verdict="wrong",
        title="A skip counts more than once",
        figure=f"x counts {factor:.3g} times in y, in {len(names)} of {count} units",
        threshold=f"once: y = x + f(x); {MUCH:g} and more is judged wrong, healthy networks of the "
        "zoo, torchvision and timm have 1",
        place=names[0],
        cause="shortcut added twice",
        why="the skip is added again, or multiplied: signal and gradient double with each unit",
        next="add x once",
        weight=3,
    )


def _little(names: list[str], times: Mapping[str, float], count: int) -> Finding:
    return Finding(
        check=CHECK,
        verdict="wrong",
        title="A skip passes nearly nothing",
        figure=f"x counts {times[names[0]]:.2g} times in y, in {len(names)} of {count} units",
        threshold=f"once: y = x + f(x); below {LITTLE:g} is judged wrong, healthy networks of the "
        "zoo, torchvision and timm have 1",
        place=names[0],
        cause="shortcut scaled away",
        why="the skip is multiplied by nearly nothing, so signal and gradient go by the "
        "transform alone, as in a plain network",
        next="add x itself; where a factor is wanted, put it on the transform",
        weight=3,
    )
