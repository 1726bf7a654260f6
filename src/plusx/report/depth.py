"""Sections: gradient, change and activations, from the first layer to the last."""

from collections.abc import Callable, Sequence

import numpy as np
from matplotlib.axes import Axes

from plusx.analysis.drawing import BLUE, ORANGE, profile
from plusx.analysis.signal import Signal
from plusx.report.blocks import details, grid, paragraph, verbatim
from plusx.report.figures import figure
from plusx.report.heat import heat
from plusx.report.markup import Html, join
from plusx.report.page import Section
from plusx.report.words import number, percent
from plusx.train.result import Probe, TrainResult

__all__ = ["activations", "change", "gradient"]

NO_PROBES = "The run ended before the network was probed, so there is nothing to show here."
Read = Callable[[Signal], list[float]]


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
    figures = grid(
        _map("gradient-map", probes, _gradients, names=names, what="norm of the gradient"),
        _ends("gradient-ends", probes, _gradients, names=names, what="norm of the gradient"),
    )
    low, high = (f(signal.parts, key=lambda part: part.gradient) for f in (min, max))
    said = (
        f"At the last probe it is strongest in {high.name} ({number(high.gradient)}) and weakest "
        f"in {low.name} ({number(low.gradient)})."
    )
    return join([paragraph(said), figures])


def _change(probes: Sequence[Probe]) -> Html:
    names = [part.name for part in probes[-1].signal.parts if part.share is not None]
    return grid(
        _map(
            "change-map", probes, _shares, names=names, what="norm of transform / norm of shortcut"
        ),
        _ends(
            "change-ends", probes, _shares, names=names, what="norm of transform / norm of shortcut"
        ),
    )


def _gradients(signal: Signal) -> list[float]:
    return [part.gradient for part in signal.parts]


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
        _ends(
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
    dead = f"{worst.name} has the most channels that are always zero: {percent(worst.dead)}."
    said = (
        "The activations are numbered from the input (1) on; their names are below. Values behind "
        "a merge are larger than those inside a unit, for there shortcut and transform are added. "
    )
    listed = verbatim(probes[-1].signal.table(), label="The last probe in figures")
    return join(
        [
            paragraph(said + (dead if worst.dead else "No channel is always zero.")),
            grid(*figures),
            details("The last probe in figures", listed),
        ]
    )


def _map(
    name: str, probes: Sequence[Probe], read: Read, *, names: Sequence[str], what: str
) -> Html:
    if len(probes) == 1:
        return Html("")  # nothing to compare
    values = np.array([read(probe.signal) for probe in probes], dtype=float).T
    return figure(
        name,
        lambda ax: heat(
            ax, values, names=names, epochs=[probe.epoch for probe in probes], label=what
        ),
        caption="Over the whole run: a row a part, the input at the top; each step of colour is a "
        "factor, not a difference. Blank: zero, or not a finite number.",
        label=f"Heat map of {what} by depth and epoch",
        height=300,
    )


def _ends(
    name: str,
    probes: Sequence[Probe],
    read: Read,
    *,
    names: Sequence[str],
    what: str,
    styles: tuple[str, str] = ("--", "-"),
    reach: float = 0.0,
) -> Html:
    """Draw the first and the last probe by depth, each in its line style or as its marker.

    The scale goes from zero at least to `reach`, where it is given.
    """
    one = len(probes) == 1
    which = "the only probe of the run" if one else "the first probe of the run and the last"

    def draw(ax: Axes) -> None:
        ends = zip((probes[0], probes[-1]), (ORANGE, BLUE), styles, strict=True)
        for probe, color, style in list(ends)[one:]:
            label = f"epoch {probe.epoch:.3g}"
            values = read(probe.signal)
            profile(ax, values, names=names, label=label, style=style, color=color)
        if reach:
            most = max(reach, ax.get_xlim()[1])
            ax.set_xlim(-0.03 * most, most)
        ax.set_xlabel(what)

    return figure(
        name,
        draw,
        caption=f"{what[0].upper()}{what[1:]}: {which}, the input at the top.",
        label=f"Chart of {what} by depth, {which}",
        height=300,
    )
