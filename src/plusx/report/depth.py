"""Sections: gradient, change and activations, from the first layer to the last."""

import math
from collections.abc import Sequence

from plusx.analysis.signal import Signal
from plusx.report.blocks import details, grid, paragraph, verbatim
from plusx.report.by_depth import Read, first_and_last, over_the_run
from plusx.report.markup import Html, join
from plusx.report.page import Section
from plusx.report.words import number, percent
from plusx.train.result import Probe, TrainResult

__all__ = ["activations", "change", "gradient"]

NO_PROBES = "The run ended before the network was probed, so there is nothing to show here."


def gradient(result: TrainResult) -> Section:
    """Show whether the gradient reaches every part."""
    return Section(
        "gradient",
        "How much gradient reaches each part of the network",
        "The gradient says in which direction, and how urgently, the weights should change. If it "
        "is thousands of times weaker in the first parts than in the last, the first ones do not "
        "learn. Shortcuts are there to prevent that.",
        _gradient(result.probes) if result.probes else paragraph(NO_PROBES),
    )


def change(result: TrainResult) -> Section:
    """Show how much each unit adds to what it was given."""
    if not result.probes:
        body = paragraph(NO_PROBES)
    elif not _shares(result.probes[-1].signal):
        body = paragraph(
            f"{result.summary.name} has no residual units: nothing is added to a shortcut, so "
            "there is no such ratio."
        )
    else:
        body = _change(result.probes)
    return Section(
        "change",
        "How much each unit changes its input",
        "A residual unit adds its transform to its shortcut. The ratio of their norms says how "
        "much it changes: at 1 both weigh the same; near 0 the unit passes its input on as it is "
        "and could be left out.",
        body,
    )


def activations(result: TrainResult) -> Section:
    """Show what flows through the network, by depth."""
    seen = bool(result.probes) and bool(result.probes[-1].signal.activations)
    none = "The network has no activation functions that are watched."
    return Section(
        "activations",
        "What flows through the network, by depth",
        "Measured behind each activation function (such as ReLU): the mean and the spread of the "
        "values, and the share of channels that are zero for every image of the probe. Values may "
        "grow or shrink with depth, but not by orders of magnitude.",
        _activations(result.probes) if seen else paragraph(none if result.probes else NO_PROBES),
    )


def _gradient(probes: Sequence[Probe]) -> Html:
    signal = probes[-1].signal
    names = [part.name for part in signal.parts]
    what = "norm of the gradient"
    figures = grid(
        over_the_run("gradient-map", probes, _gradients, names=names, what=what),
        first_and_last("gradient-ends", probes, _gradients, names=names, what=what),
    )
    return join([paragraph(_extremes(signal)), figures])


def _extremes(signal: Signal) -> str:
    known = [
        (gradient, part.name)
        for gradient, part in zip(signal.gradients(), signal.parts, strict=True)
        if math.isfinite(gradient)
    ]
    frozen = sum(part.gradient is None for part in signal.parts)
    still = f" {frozen} of {len(signal.parts)} parts are frozen and get none." if frozen else ""
    if not known:
        return f"At the last probe no gradient was a finite number.{still}"
    (low, weakest), (high, strongest) = min(known), max(known)
    return (
        f"At the last probe it is strongest in {strongest} ({number(high)}) and weakest "
        f"in {weakest} ({number(low)}).{still}"
    )


def _change(probes: Sequence[Probe]) -> Html:
    names = [part.name for part in probes[-1].signal.parts if part.share is not None]
    what = "norm of transform / norm of shortcut"
    return grid(
        over_the_run("change-map", probes, _shares, names=names, what=what),
        first_and_last("change-ends", probes, _shares, names=names, what=what),
    )


def _gradients(signal: Signal) -> list[float]:
    return signal.gradients()


def _shares(signal: Signal) -> list[float]:
    return [part.share for part in signal.parts if part.share is not None]


def _activations(probes: Sequence[Probe]) -> Html:
    last = probes[-1].signal.activations
    names = [str(i + 1) for i in range(len(last))]
    reads: tuple[tuple[str, str, float, Read], ...] = (
        ("mean", "mean of the values", 0.0, lambda s: [a.mean for a in s.activations]),
        ("spread", "standard deviation", 0.0, lambda s: [a.std for a in s.activations]),
        ("dead", "channels always zero, %", 10.0, lambda s: [100 * a.dead for a in s.activations]),
    )
    figures = [
        first_and_last(
            f"activations-{name}",
            probes,
            read,
            names=names,
            what=what,
            styles=("x", "o"),
            reach=reach,
        )
        for name, what, reach, read in reads
    ]
    worst = max(last, key=lambda a: a.dead)
    said = [
        "The activations are numbered from the input (1) on; their names are below.",
        f"{worst.name} has the most channels that are always zero: {percent(worst.dead)}."
        if worst.dead
        else "No channel is always zero.",
    ]
    if _shares(probes[-1].signal):
        said.append(
            "Where values alternate, the larger ones lie behind a merge, where shortcut and "
            "transform have been added."
        )
    listed = verbatim(probes[-1].signal.table(), label="The last probe in figures")
    return join(
        [
            paragraph(" ".join(said)),
            grid(*figures),
            details("The last probe in figures", listed),
        ]
    )
