"""Activations that are zero for all images, or flat at their ends."""

from collections.abc import Iterator, Sequence

from plusx.doctor.finding import Finding, NotApplicable
from plusx.doctor.patient import Patient
from plusx.doctor.signal.fired import RECTIFIERS, SQUASHERS, Fired
from plusx.doctor.signal.passing import Passing

__all__ = ["activation", "squashed"]

CHECK = "signal.activation"
DEAD = 0.9
SATURATED = 0.5
DEEP = 5
VANISHED = 1e-2
CHANNELS = 8
"""A gate of fewer channels (squeeze and excitation) has dead ones often, and by chance."""


def activation(patient: Patient) -> Iterator[Finding]:
    """Look for rectifiers that never fire, and for sigmoids and tanhs that let nothing through."""
    passing = patient.passing
    if not passing.fired:
        raise NotApplicable("no activation was seen")
    looked = [f for f in passing.fired if f.kind in RECTIFIERS and f.channels >= CHANNELS]
    dead = [fired for fired in looked if fired.dead >= DEAD]
    if dead:
        yield _dead(dead, len(looked))
    flat = squashed(passing)
    if flat:
        yield _squashed(flat, passing)
    if not dead and not flat:
        worst = max((fired.dead for fired in looked), default=0.0)
        yield Finding(
            check=CHECK,
            verdict="fine",
            title="The activations let the signal through",
            figure=f"at most {worst:.0%} of an activation's channels are zero for all images",
            threshold=f"below {DEAD:.0%}; " + _HEALTHY,
        )


_HEALTHY = "healthy networks, 32 of the zoo and 14 of timm: up to 75%"


def squashed(passing: Passing) -> list[Fired]:
    """Return the sigmoids and tanhs that carry the signal of a deep plain network, or saturate."""
    carriers = [fired for fired in passing.fired if fired.kind in SQUASHERS and fired.feeds]
    flat = [fired for fired in carriers if fired.saturated > SATURATED]
    if 2 * len(flat) > len(carriers):
        return flat
    fading = fades(passing)
    deep = len(carriers) >= DEEP and fading is not None and fading < VANISHED
    return carriers if deep else []


def fades(passing: Passing) -> float | None:
    """Return how much less the first layer's weight matters than the last's.

    |w| |dL/dw|, the change of the loss with the weight's relative change: without activations it is
    the same in all layers of a chain. None where the last gets no gradient, or units carry it.
    """
    if passing.ways or len(passing.layers) < 3:
        return None
    first, last = (layer.weight * layer.gradient for layer in _ends(passing))
    return first / last if last else None


def _ends(passing: Passing) -> tuple:  # type: ignore[type-arg]
    return passing.layers[0], passing.layers[-2]


def _dead(dead: Sequence[Fired], count: int) -> Finding:
    first = dead[0]
    return Finding(
        check=CHECK,
        verdict="wrong",
        title="An activation never fires",
        figure=f"{first.dead:.0%} of its {first.channels} channels are zero for all images at all "
        f"places; {len(dead)} of {count} activations are so",
        threshold=f"below {DEAD:.0%}; " + _HEALTHY,
        place=f"the {first.kind} after {first.after}",
        cause="dead activation",
        why="what comes in is below zero everywhere, mostly by a bias or a norm's shift far below "
        "zero: no gradient passes, and it stays so",
        next="look at the bias before it; start biases at zero, and lower the learning rate if it "
        "came by training",
        weight=2,
    )


def _squashed(flat: Sequence[Fired], passing: Passing) -> Finding:
    worst = max(flat, key=lambda fired: fired.saturated)
    fading = fades(passing)
    ratio = "" if fading is None else f"; the first layer matters {fading:.1g} times the last"
    return Finding(
        check=CHECK,
        verdict="wrong",
        title="Saturating activations stop the gradient",
        figure=f"{len(flat)} times {flat[0].kind} in a row, up to {worst.saturated:.0%} of the "
        f"values at its ends{ratio}",
        threshold=f"at most {SATURATED:.0%} at the ends; in a plain network of {DEEP} and more a "
        f"ratio of {VANISHED:g}",
        place=f"the {worst.kind} after {worst.after}",
        cause="saturating activation",
        why="a sigmoid's slope is at most 1/4, and nearly zero at its ends: over many layers the "
        "gradient is lost (Glorot and Bengio 2010, section 3)",
        next="take ReLU or another activation that does not saturate, or add shortcuts",
        weight=2,
    )
