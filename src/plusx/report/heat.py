"""A map of one positive figure for each part of the network and each probe of the run."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LogNorm
from numpy.typing import NDArray

from plusx.analysis.drawing import depth_axis, spread
from plusx.report.words import number

__all__ = ["heat"]

COLUMNS = 240  # of the drawing; more probes than that are thinned out evenly


def heat(
    ax: Axes,
    values: NDArray[np.float64],
    *,
    names: Sequence[str],
    epochs: Sequence[float],
    label: str,
) -> None:
    """Draw `values` (parts, two or more probes) by logarithmic colour, blank if none."""
    kept = spread(len(epochs), COLUMNS)
    known = np.ma.masked_where(~(np.isfinite(values) & (values > 0)), values)[:, kept]
    low, high = (float(known.min()), float(known.max())) if known.count() else (1.0, 1.0)
    if high < 2 * low:  # all but the same: the colours shall not make much of it
        middle = (low * high) ** 0.5
        low, high = middle / 2**0.5, middle * 2**0.5
    drawn = ax.pcolormesh(
        _edges(np.asarray(epochs, dtype=float)[kept]),
        np.arange(len(names) + 1) - 0.5,
        known,
        norm=LogNorm(low, high),
        cmap="cividis",
        rasterized=True,
    )
    ax.grid(False)
    depth_axis(ax, names)
    ax.set_xlabel("epoch")
    assert ax.figure is not None
    ticks = np.geomspace(low, high, 4)
    scale = ax.figure.colorbar(drawn, ax=ax, location="top", aspect=40, pad=0.02)
    scale.set_ticks(list(ticks), labels=[number(tick) for tick in ticks])
    scale.minorticks_off()
    scale.outline.set_visible(False)
    scale.set_label(label)


def _edges(places: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return where the column of each place begins and ends: half-way to its neighbours."""
    middle = (places[1:] + places[:-1]) / 2
    return np.concatenate([places[:1], middle, places[-1:]])
