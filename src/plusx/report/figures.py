"""A matplotlib drawing as SVG inside the page: its colours and its letters, small enough to read.

Text stays text, in the page's own font; ink is the page's text colour, so that one drawing serves
the light and the dark page.
"""

import io
import re
import warnings
from collections.abc import Callable

from matplotlib import style
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from plusx.report.markup import Html, join, tag

__all__ = ["figure", "framed"]

INK = "#010203"  # stands for the page's text colour until the drawing is SVG
WIDTH = 360  # CSS pixels: what a telephone shows
UNIT = 1 / 72  # inch: one unit of the SVG
STYLE = {
    "svg.fonttype": "none",
    "text.parse_math": False,  # a class may be called "$x$"
    "font.size": 12,
    "legend.fontsize": 11,
    "xtick.labelsize": 11,
    "ytick.labelsize": 11,
    "lines.linewidth": 2,
    "lines.markersize": 4,
    "lines.markeredgewidth": 1.5,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": INK,
    "grid.alpha": 0.12,
    "legend.frameon": False,
    "figure.facecolor": "none",
    "axes.facecolor": "none",
    "savefig.facecolor": "none",
    **dict.fromkeys(
        ("text.color", "axes.labelcolor", "axes.edgecolor", "xtick.color", "ytick.color"), INK
    ),
}


def figure(
    name: str,
    draw: Callable[[Axes], object],
    *,
    caption: str,
    label: str,
    width: int = WIDTH,
    height: int = 250,
) -> Html:
    """Let `draw` fill axes of `width` x `height` CSS pixels, and frame it with its caption.

    `name` is the address of the figure in the page; `label` says to those who cannot see it what
    it shows.
    """
    with style.context(["default", {**STYLE, "svg.hashsalt": name}]):
        sheet = Figure(figsize=(width * UNIT, height * UNIT), layout="constrained")
        ax = sheet.add_subplot()
        draw(ax)
        if len(ax.get_legend_handles_labels()[0]) > 1:
            ax.legend(loc="lower left", bbox_to_anchor=(-0.02, 0.98), ncols=3, columnspacing=1.2)
        drawn = _svg(sheet)
    return framed(name, _fitted(drawn, name=name, label=label, width=width), caption=caption)


def framed(name: str, content: str, *, caption: str) -> Html:
    """Put a picture and its caption in a frame with an address."""
    return tag("figure", content, tag("figcaption", caption), id=name)


def _svg(sheet: Figure) -> str:
    file = io.StringIO()
    nothing = dict.fromkeys(("Date", "Creator", "Format", "Type"))
    with warnings.catch_warnings():
        # the reader's browser sets the text: a letter that matplotlib's font lacks is no fault
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")
        sheet.savefig(file, format="svg", dpi=144, metadata=nothing)
    return file.getvalue()


def _fitted(svg: str, *, name: str, label: str, width: int) -> Html:
    """Make the drawing part of the page: its ids, colours and font."""
    body = svg[svg.index("<svg") :]
    view = re.search(r'viewBox="[^"]+"', body)
    assert view is not None
    body = body[body.index(">") + 1 :]
    body = re.sub(r"<style.*?</style>", "", body, flags=re.DOTALL)  # would hold for the whole page
    body = re.sub(r"<!--.*?-->\s*", "", body, flags=re.DOTALL)
    body = re.sub(r"(font: [\d.]+px) [^;\"]+", r"\1 var(--font)", body)
    body = body.replace(INK, "currentColor").replace("xlink:href", "href")
    body = _own_ids(body, name)
    opening = join(
        [
            Html('<svg role="img" aria-label="'),
            label,
            Html(f'" {view[0]} '),
            _wide(width),
            Html(">"),
        ]
    )
    return Html(tag("div", Html(opening + body.strip()), class_="drawing"))


def _wide(width: int) -> Html:
    # large drawings scroll in their own box on a telephone rather than become unreadable
    return Html(f'style="min-width: {width}px"' if width > 1.5 * WIDTH else "")


def _own_ids(body: str, name: str) -> str:
    """Prefix the ids that something refers to with the figure's name, and drop the others."""
    used = set(re.findall(r'(?:href="|url\()#([^")]+)', body))

    def renamed(match: re.Match[str]) -> str:
        return f' id="{name}-{match[1]}"' if match[1] in used else ""

    body = re.sub(r' id="([^"]+)"', renamed, body)
    return re.sub(r'((?:href="|url\()#)', rf"\g<1>{name}-", body)
