"""Signal and gradient by depth: do they vanish or explode?"""

import math
from collections.abc import Iterator

from plusx.doctor.finding import Chart, Finding, NotApplicable
from plusx.doctor.patient import Patient
from plusx.doctor.signal.activation import squashed
from plusx.doctor.signal.passing import Passing

__all__ = ["depth"]

CHECK = "signal.depth"
VANISHED = 1e-4
EXPLODED = 1e4


def depth(patient: Patient) -> Iterator[Finding | Chart]:
    """Compare the gradient of the first unit or layer with that of the last."""
    passing = patient.passing
    names, values = _gradients(passing)
    if len(values) < 2:
        raise NotApplicable("the network has less than two units or layers with a gradient")
    ratio = values[0] / values[-1] if values[-1] else math.nan
    grown = _growth(passing)
    if 0 < ratio < VANISHED and not squashed(passing):
        yield _trouble("vanishes", ratio, names)
    elif ratio > EXPLODED:
        yield _trouble("explodes", ratio, names)
    else:
        spread = "" if grown is None else f"; the signal grows {grown:.2g} times"
        yield Finding(
            check=CHECK,
            verdict="fine",
            title="The gradient reaches the first layers as it is at the last",
            figure=f"the first gets {ratio:.2g} times the last's{spread}"
            if ratio == ratio and ratio > 0
            else f"no gradient at the first or last of {len(values)}",
            threshold=f"{VANISHED:g} to {EXPLODED:g}; " + _HEALTHY,
        )
    yield Chart(
        name="gradient by depth",
        title="Gradient by depth",
        caption="The norm of the loss's gradient at each unit's output; in a network without "
        "units, of each layer's weight times the weight's norm.",
        x=names,
        lines={"gradient": values},
        y_label="norm of the gradient",
        log="y",
    )
    if len(passing.ways) > 1:
        yield Chart(
            name="activation by depth",
            title="Signal by depth",
            caption="The root mean square of what each unit gives, in one training pass.",
            x=tuple(way.name for way in passing.ways),
            lines={"signal": tuple(way.y for way in passing.ways)},
            y_label="root mean square",
            log="y",
        )


_HEALTHY = "healthy networks, 32 of the zoo and 14 of timm: 0.01 to 60, plain56 1500, plain110 5e6"


def _gradients(passing: Passing) -> tuple[tuple[str, ...], tuple[float, ...]]:
    if len(passing.ways) > 1:
        return (
            tuple(way.name for way in passing.ways),
            tuple(way.gradient for way in passing.ways),
        )
    layers = passing.layers[:-1] or passing.layers
    return (
        tuple(layer.name for layer in layers),
        tuple(layer.gradient * layer.weight for layer in layers),
    )


def _growth(passing: Passing) -> float | None:
    ways = passing.ways
    return ways[-1].y / ways[0].y if len(ways) > 1 and ways[0].y else None


def _trouble(word: str, ratio: float, names: tuple[str, ...]) -> Finding:
    return Finding(
        check=CHECK,
        verdict="warning",
        title=f"The gradient {word} on its way to the first layers",
        figure=f"{names[0]} gets {ratio:.2g} times the gradient of {names[-1]}",
        threshold=f"{VANISHED:g} to {EXPLODED:g}; " + _HEALTHY,
        place=names[0],
        cause=f"gradient {word}",
        why="each layer multiplies the gradient, and over many layers nothing of it, or far too "
        "much, is left",
        next="shortcuts, norms, or He's initialisation keep it (He et al. 2015, section 1)",
        weight=1,
    )
