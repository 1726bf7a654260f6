"""How much each unit changes what it carries: transform against shortcut."""

from collections.abc import Iterator, Sequence
from statistics import median

from plusx.doctor.finding import Chart, Finding
from plusx.doctor.patient import Patient
from plusx.doctor.shortcuts.equation import records
from plusx.doctor.signal.passing import Way

__all__ = ["share"]

CHECK = "shortcuts.share"
IDLE = 1e-6
"""Against its shortcut such a transform is nothing."""
DROWNS = 30.0
AGAINST = 10.0
"""How many times the median of the other units it has to be, too."""


def share(patient: Patient) -> Iterator[Finding | Chart]:
    """Look for units that do nothing, or everything, where their neighbours do not."""
    patient.need_units()
    ways = [way for way in patient.passing.ways if way.s > 0 or way.t > 0]
    shares = [way.share for way in ways]
    zero = [way for way in ways if way.share < IDLE]
    idle = _idle_for_good(patient, zero)
    middle = median(shares) if shares else 0.0
    limit = max(DROWNS, AGAINST * middle)
    drowned = [way for way in ways if way.s > 0 and way.share > limit]
    if 0 < 2 * len(idle) < len(ways):
        yield _idle(idle, len(ways))
    if drowned:
        yield _drowned(drowned, middle, limit, len(ways))
    if not drowned and not 0 < 2 * len(idle) < len(ways):
        yield Finding(
            check=CHECK,
            verdict="fine",
            title="Every unit adds to what it carries"
            if not zero
            else "The units start as their shortcuts",
            figure=f"transform / shortcut is {min(shares, default=0):.2g} to "
            f"{max(shares, default=0):.2g}"
            + (f"; {len(zero)} of {len(ways)} transforms are zero" if zero else ""),
            threshold=f"up to {DROWNS:g}; " + _HEALTHY,
        )
    if len(ways) > 1:
        yield _chart(ways)


def _idle_for_good(patient: Patient, zero: Sequence[Way]) -> list[Way]:
    """Return the units that do nothing in evaluation, too, and whose transform does not learn.

    Those of stochastic depth are out by chance; a zeroed last norm learns from the first step on.
    """
    stuck = {way.name for way in zero if not way.learns}
    still = records(patient) if stuck else {}
    return [way for way in zero if way.name in stuck and not bool(still[way.name].transform.any())]


_HEALTHY = (
    "healthy networks, 32 of the zoo and 14 of timm: 0 where they start as the identity, else up "
    "to 7.1 (densenet40_12)"
)


def _idle(idle: Sequence[Way], count: int) -> Finding:
    return Finding(
        check=CHECK,
        verdict="warning",
        title="A unit does nothing",
        figure=f"transform / shortcut is {max(way.share for way in idle):.2g} in {len(idle)} of "
        f"{count} units",
        threshold=f"above {IDLE:g} where the other units have more",
        place=idle[0].name,
        cause="unit does nothing",
        why="its transform gives zero: a factor, a norm's scale or its last weights are zero, "
        "or its activations are dead",
        next="look at the last layer of its transform; take the unit out if it is not needed",
        weight=2,
    )


def _drowned(drowned: Sequence[Way], middle: float, limit: float, count: int) -> Finding:
    worst = max(drowned, key=lambda way: way.share)
    return Finding(
        check=CHECK,
        verdict="warning",
        title="A unit drowns what it carries",
        figure=f"transform / shortcut is {worst.share:.3g} in {worst.name}, {middle:.2g} in the "
        f"median; {len(drowned)} of {count} units are so",
        threshold=f"{limit:.3g}; " + _HEALTHY,
        place=drowned[0].name,
        cause="unit does everything",
        why="the skip counts for nothing beside its transform, and the unit is as a plain block",
        next="look at the scale of its last weights, and for a factor on the transform",
        weight=2,
    )


def _chart(ways: Sequence[Way]) -> Chart:
    return Chart(
        name="shortcut against transform",
        title="Shortcut against transform by depth",
        caption="The root mean square of what each unit carries and of what it adds, in one "
        "training pass.",
        x=tuple(way.name for way in ways),
        lines={
            "shortcut": tuple(way.s for way in ways),
            "transform": tuple(way.t for way in ways),
        },
        y_label="root mean square",
        log="y",
    )
