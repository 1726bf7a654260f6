"""Pictures and drawings as PNG, for files beside a page: slides, papers."""

import io
import re
from collections.abc import Callable

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor

from plusx.report.pictures import as_image

__all__ = ["encoded", "of_drawing", "of_pixels", "plain"]


def of_pixels(pixels: Tensor) -> bytes:
    """Encode (C, H, W) uint8."""
    file = io.BytesIO()
    as_image(pixels).save(file, "PNG", optimize=True)
    return file.getvalue()


def of_drawing(draw: Callable[[Axes], object], *, size: tuple[float, float] = (5.0, 3.6)) -> bytes:
    """Let `draw` fill axes of `size` inches on a sheet of their own, and encode it."""
    sheet = Figure(figsize=size, layout="constrained")
    ax = sheet.add_subplot()
    draw(ax)
    if len(ax.get_legend_handles_labels()[0]) > 1:
        ax.legend(frameon=False)
    return encoded(sheet)


def encoded(sheet: Figure) -> bytes:
    """Encode a whole sheet; the same drawing gives the same bytes."""
    file = io.BytesIO()
    sheet.savefig(file, format="png", dpi=144, metadata={"Software": None})
    return file.getvalue()


def plain(name: str) -> str:
    """Return a name as part of a file's name everywhere.

    >>> plain("dogs/rex 1")
    'dogs-rex-1'
    >>> plain("grad-cam++")
    'grad-cam++'
    """
    return re.sub(r"[^\w.+-]+", "-", name).strip("-.")[:60] or "image"
