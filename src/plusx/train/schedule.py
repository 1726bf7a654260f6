"""How the learning rate goes in a run: each schedule a function of the step."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from plusx.errors import InputError, nearest

__all__ = ["SCHEDULES", "rate"]


@dataclass(frozen=True)
class _Place:
    """Step `step` of `total`, the first `warm` of which warm up."""

    step: int
    total: int
    warm: int
    milestones: Sequence[float]
    factor: float

    @property
    def since(self) -> int:
        """Steps since the warm-up."""
        return self.step - self.warm

    @property
    def rest(self) -> int:
        """Steps that follow the warm-up; 1 where none does."""
        return max(1, self.total - self.warm)


def rate(
    name: str,
    *,
    step: int,
    total: int,
    warmup: float = 0.0,
    milestones: Sequence[float] = (0.5, 0.75),
    factor: float = 0.1,
) -> float:
    """Return the learning rate of step `step` (from 0) of `total`, as a multiple of the peak.

    `warmup` is the share of the steps in which the rate rises in a line: to the first step's part
    of it, (step + 1) / warm, and for one-cycle from 1/25. `milestones` (rising shares of the whole
    run) and `factor` are those of "step".
    """
    if name not in SCHEDULES:
        known = ", ".join(SCHEDULES)
        raise InputError(
            f"schedule {name!r} is not known{nearest(name, SCHEDULES)}; it has {known}"
        )
    if not 0 <= step < total:
        raise InputError(f"step is {step} of {total}, expected one from 0 to {total - 1}")
    if not 0 <= warmup <= 1:
        raise InputError(f"warmup is {warmup}, expected a share of the steps, 0 to 1")
    place = _Place(step, total, round(warmup * total), milestones, factor)
    return SCHEDULES[name](place)


def _warmed(after: Callable[[_Place], float]) -> Callable[[_Place], float]:
    """Put a linear warm-up from zero before a schedule (Goyal et al. 2017, section 2.2)."""

    def multiple(place: _Place) -> float:
        if place.step < place.warm:
            return (place.step + 1) / place.warm
        return after(place)

    return multiple


def _cosine(place: _Place) -> float:
    """(1 + cos(pi t)) / 2 for t from 0 to below 1. Loshchilov and Hutter 2016, eq. 5."""
    return 0.5 * (1 + math.cos(math.pi * place.since / place.rest))


def _step(place: _Place) -> float:
    """A factor at each milestone. He et al. 2015, section 4.2."""
    passed = sum(place.step >= share * place.total for share in place.milestones)
    return float(place.factor**passed)


def _linear(place: _Place) -> float:
    """1 - t for t from 0 to below 1."""
    return 1 - place.since / place.rest


def _constant(place: _Place) -> float:
    """1."""
    return 1.0


def _one_cycle(place: _Place) -> float:
    """From 1/25 in a line up to 1, and in a line down to 1/250,000, both ends included.

    Smith 2018, "A disciplined approach to neural network hyper-parameters", with the ends that
    fast.ai and torch's OneCycleLR have made usual. The top is the last step of the warm-up.
    """
    low, last = 1 / 25, 1 / 25e4
    top = max(0, place.warm - 1)
    if place.step < top:
        return low + (1 - low) * place.step / top
    return 1 + (last - 1) * (place.step - top) / max(1, place.total - 1 - top)


SCHEDULES: Mapping[str, Callable[[_Place], float]] = {
    "cosine": _warmed(_cosine),
    "step": _warmed(_step),
    "one-cycle": _one_cycle,
    "linear": _warmed(_linear),
    "constant": _warmed(_constant),
}
"""What a rate may be called, and the function that it is."""
