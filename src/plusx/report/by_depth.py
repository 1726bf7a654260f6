"""Figures of what the probes found, by depth: over the whole run, and at its two ends."""

from collections.abc import Callable, Sequence

import numpy as np
from matplotlib.axes import Axes

from plusx.analysis.drawing import BLUE, ORANGE, profile
from plusx.analysis.signal import Signal
from plusx.report.figures import figure
from plusx.report.heat import heat
from plusx.report.markup import Html
from plusx.train.result import Probe

__all__ = ["Read", "first_and_last", "over_the_run"]

Read = Callable[[Signal], list[float]]


def over_the_run(
    name: str, probes: Sequence[Probe], read: Read, *, names: Sequence[str], what: str
) -> Html:
    """Draw what `read` finds in each probe as a map of depth and time; nothing for one probe."""
    if len(probes) == 1:
        return Html("")
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


def first_and_last(
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
