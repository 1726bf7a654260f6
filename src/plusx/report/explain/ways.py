"""Where in the network the evidence came from: maps split at the shortcut and followed back."""

from torch import Tensor

from plusx.analysis.drawing import spread
from plusx.explain import Decision, Split, Through, Way
from plusx.explain.address import spoken
from plusx.report.blocks import grid
from plusx.report.explain.overlay import signed
from plusx.report.explain.sentences import by_halves, by_unit
from plusx.report.figures import figure, framed
from plusx.report.markup import Html, join, tag
from plusx.report.pictures import picture
from plusx.report.words import percent

__all__ = ["ways"]

UNITS = 6
"""Maps of single units that are shown along the way."""
ROW = 15  # CSS pixels of a unit in the chart


def ways(found: Decision, index: int) -> list[Html]:
    """Show each way; of several streams how much of the evidence is in each."""
    several = len(found.ways) > 1
    return [
        join(
            [
                *([tag("h3", _of_stream(found, way, index))] if several else []),
                _split(found, index, way.split, number),
                _way(found, index, way.through, number),
            ]
        )
        for number, way in enumerate(found.ways, start=1)
    ]


def _of_stream(found: Decision, way: Way, index: int) -> str:
    part = found.part(way, index)
    return spoken(way.unit) + (f": {percent(part)} of the evidence" if part == part else "")


def _split(found: Decision, index: int, split: Split, number: int) -> Html:
    pixels = found.images.pixels[index]
    maps = (split.whole[index], split.by_shortcut[index], split.by_transform[index])
    limit = max(float(one.abs().max()) for one in maps)
    signs, words = ("", "=", "+"), ("the unit's map", "by the shortcut", "by the transform")
    pieces = (
        join(
            [
                *([tag("li", sign, class_="joint")] if sign else []),
                tag("li", picture(signed(pixels, one, limit), label=word), tag("p", word)),
            ]
        )
        for sign, word, one in zip(signs, words, maps, strict=True)
    )
    return framed(
        f"image-{index + 1}-split-{number}",
        tag("ul", *pieces, class_="sum"),
        caption=by_halves(float(split.added[index]), split.unit),
    )


def _way(found: Decision, index: int, way: Through, number: int) -> Html:
    one = way.of(index)
    chart = figure(
        f"image-{index + 1}-way-{number}",
        one.plot,
        caption=by_unit(one),
        label="Bar chart of the share of the evidence that entered at each unit",
        height=110 + ROW * min(len(one.units) + 1, 16),
    )
    along = _along(found.images.pixels[index], one, f"image-{index + 1}-units-{number}")
    return grid(chart, along)


def _along(pixels: Tensor, way: Through, name: str) -> Html:
    """Show what single units added where, in one scale."""
    places = spread(len(way.units), UNITS)
    if way.first in way.units:
        places = sorted({*places, way.units.index(way.first)})
    limit = max(float(way.maps[place].abs().max()) for place in places)
    shares = way.shares[0, 1:].tolist()
    items = (
        tag(
            "li",
            picture(
                signed(pixels, way.maps[place][0], limit),
                label=f"what {spoken(way.units[place])} added",
            ),
            tag("p", tag("strong", spoken(way.units[place]).removesuffix(".unit"))),
            tag("p", f"{shares[place]:+z.0%}" if shares[place] == shares[place] else "-"),
        )
        for place in places
    )
    orange = " and the orange one" if way.first in way.units else ""
    some = (
        f" For want of room these are {len(places)} of {len(way.units)} units, evenly spread "
        f"ones{orange}; the chart has all."
        if len(places) < len(way.units)
        else ""
    )
    return framed(
        name,
        tag("ul", *items, class_="pictures pairs"),
        caption="Where on the picture units added what speaks for the class (red) or against it "
        f"(blue), all in one scale, and how much of the evidence that is.{some}",
    )
