"""Drawing a chart with matplotlib."""

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from plusx.analysis.drawing import BLUE, ORANGE, depth_axis, log_if_wide, new_axes
from plusx.doctor.finding import Chart

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["draw"]

COLORS = (BLUE, ORANGE, "#3f8f5b", "#8a63b8", "#808890")
DOTTED = 60  # places up to which each has its dot


def draw(chart: Chart, ax: "Axes | None" = None) -> "Axes":
    """Draw the lines of a chart: names run down the page from the input, numbers along it."""
    ax = ax or new_axes()
    if chart.x and isinstance(chart.x[0], str):
        _by_depth(chart, ax)
    else:
        _by_number(chart, ax)
    return ax


def _by_depth(chart: Chart, ax: "Axes") -> None:
    names = [str(name) for name in chart.x]
    for color, (label, values) in zip(_colors(chart), chart.lines.items()):
        marker = "o" if len(names) <= DOTTED else ""
        ax.plot(_finite(values), range(len(names)), label=label, color=color, marker=marker)
    depth_axis(ax, names)
    if "y" in chart.log:
        log_if_wide(ax, x=_positive(*chart.lines.values()))
    for label, at in chart.marks:
        ax.axhline(at, linestyle="--", color="0.5", label=label)
    ax.set_xlabel(chart.y_label)


def _by_number(chart: Chart, ax: "Axes") -> None:
    places = [float(x) for x in chart.x]
    for color, (label, values) in zip(_colors(chart), chart.lines.items()):
        marker = "o" if len(places) <= DOTTED else ""
        ax.plot(places, _finite(values), label=label, color=color, marker=marker)
    for style, (label, at) in zip(("--", ":", "-."), chart.marks):
        ax.axvline(at, linestyle=style, color="0.5", label=f"{label}: {at:.3g}")
    log_if_wide(
        ax,
        x=_positive(places) if "x" in chart.log else (),
        y=_positive(*chart.lines.values()) if "y" in chart.log else (),
    )
    ax.set_xlabel(chart.x_label)
    ax.set_ylabel(chart.y_label)


def _colors(chart: Chart) -> list[str]:
    return [COLORS[at % len(COLORS)] for at in range(len(chart.lines))]


def _finite(values: Sequence[float]) -> list[float]:
    return [value if math.isfinite(value) else math.nan for value in values]


def _positive(*lines: Sequence[float]) -> list[float]:
    """Return what a logarithm can show."""
    return [value for line in lines for value in line if math.isfinite(value) and value > 0]
