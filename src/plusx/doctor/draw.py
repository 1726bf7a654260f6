"""Drawing a chart with matplotlib."""

from typing import TYPE_CHECKING

from plusx.analysis.drawing import new_axes
from plusx.doctor.finding import Chart

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["draw"]


def draw(chart: Chart, ax: "Axes | None" = None) -> "Axes":
    """Draw the lines of a chart; names of units stand along the axis, every few of them."""
    ax = ax or new_axes()
    named = bool(chart.x) and isinstance(chart.x[0], str)
    places = list(range(len(chart.x))) if named else [float(x) for x in chart.x]
    for label, values in chart.lines.items():
        ax.plot(places, values, label=label, marker="o")
    if named:
        step = max(1, len(places) // 8)
        ax.set_xticks(places[::step], [str(x) for x in chart.x[::step]], rotation=45, ha="right")
    for axis in chart.log:
        getattr(ax, f"set_{axis}scale")("log")
    for label, at in chart.marks:
        ax.axvline(at, linestyle="--", color="0.5")
        ax.annotate(label, (at, 1), xycoords=("data", "axes fraction"), rotation=90, va="top")
    ax.set_xlabel(chart.x_label)
    ax.set_ylabel(chart.y_label)
    return ax
