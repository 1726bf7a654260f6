"""What the plots of analyses share: colours, the axis of depth, logarithms where they help."""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from numpy.typing import NDArray

__all__ = [
    "BLUE",
    "ORANGE",
    "depth_axis",
    "every_row",
    "log_if_wide",
    "new_axes",
    "profile",
    "short",
    "spread",
    "wide_enough",
]

# At least 3:1 against white and against near-black, and apart for colour-blind readers.
BLUE = "#2f7fd0"
ORANGE = "#d9730d"


def new_axes() -> "Axes":
    """Return the axes of a new figure of pyplot, for a plot that was given none."""
    from matplotlib import pyplot

    return pyplot.subplots(layout="constrained")[1]


def short(name: str, limit: int = 14) -> str:
    """Cut a name for a place where only `limit` characters fit.

    >>> short("great horned owl", 8)
    'great h…'
    """
    name = "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in name)
    return name if len(name) <= limit else f"{name[: limit - 1]}…"


def spread(length: int, limit: int) -> list[int]:
    """Choose at most `limit` of `length` places, evenly, first and last included.

    >>> spread(9, 3)
    [0, 4, 8]
    """
    return sorted({round(i) for i in np.linspace(0, max(length - 1, 0), min(length, limit))})


def depth_axis(ax: "Axes", names: Sequence[str]) -> None:
    """Let y run down through `names`, from the input to the output, a dozen of them written."""
    places = range(0, len(names), -(-len(names) // 12) or 1)
    ax.set_yticks(places, [short(names[i], 16) for i in places], parse_math=False)
    ax.set_ylim(len(names) - 0.5, -0.5)


def every_row(ax: "Axes", names: Sequence[str]) -> None:
    """Let y run down through `names`, all of them written: the sheet is to be tall enough."""
    ax.set_yticks(range(len(names)), list(names), parse_math=False)
    ax.set_ylim(len(names) - 0.5, -0.5)


def wide_enough(values: "NDArray[np.float64]", least: float = 0.1) -> tuple[float, float]:
    """Return the ends of a scale of colours, no nearer than a tenth of the greatest value.

    So that weights that differ by thousandths look as flat as they are.

    >>> wide_enough(np.array([0.0, 1.0]))
    (0.0, 1.0)
    >>> wide_enough(np.array([1.99, 2.0]))
    (1.895, 2.095)
    """
    low, high = float(np.nanmin(values)), float(np.nanmax(values))
    lack = (least * max(abs(low), abs(high)) - (high - low)) / 2
    return (low - lack, high + lack) if lack > 0 else (low, high)


def profile(
    ax: "Axes",
    values: Sequence[float],
    *,
    names: Sequence[str],
    label: str,
    style: str = "-",
    color: str | None = None,
) -> None:
    """Draw a figure for each of `names` along the axis of depth; again for another curve."""
    finite = [value if np.isfinite(value) else np.nan for value in values]
    ax.plot(finite, range(len(values)), style, color=color, label=label)
    depth_axis(ax, names)
    log_if_wide(ax, x=[x for line in ax.lines for x in np.asarray(line.get_xdata(), dtype=float)])


def log_if_wide(ax: "Axes", *, x: Iterable[float] = (), y: Iterable[float] = ()) -> None:
    """Make an axis logarithmic when its values are positive and span more than a factor of 10."""
    from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

    for axis, values, set_scale in ((ax.xaxis, x, ax.set_xscale), (ax.yaxis, y, ax.set_yscale)):
        known = [value for value in values if np.isfinite(value)]
        if not known or min(known) <= 0 or max(known) <= 10 * min(known):
            continue
        set_scale("log")
        decades = np.log10(max(known) / min(known))
        axis.set_major_locator(LogLocator(subs=(1, 2, 5) if decades < 2 else (1,), numticks=7))
        axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        axis.set_minor_locator(NullLocator())
