"""Section: one image with its answer, its map, and where in the network that came from."""

from torch import Tensor

from plusx.analysis.drawing import spread
from plusx.explain import Decision, Faithfulness, Split, Through, Way
from plusx.report.blocks import grid, paragraph
from plusx.report.explain.overlay import big, over, signed
from plusx.report.explain.sentences import by_halves, by_unit, quoted, removal, where
from plusx.report.explain.trust import verdict
from plusx.report.figures import figure, framed
from plusx.report.markup import Html, join, tag
from plusx.report.page import Section
from plusx.report.pictures import picture
from plusx.report.words import number, percent

__all__ = ["image"]

LARGE = 384
UNITS = 6
"""Maps of single units that are shown along the way."""
ROW = 15  # CSS pixels of a unit in the chart


def image(found: Decision, index: int) -> Section:
    """Show picture and answer, map and its test, both halves, the way back, other methods."""
    name, probability = found.target(index)
    file = found.images.names[index]
    body = [
        tag(
            "div",
            _seen(found, index),
            _mapped(found, index),
            _tested(found, index),
            class_="grid explained",
        )
    ]
    body += _ways(found, index)
    body.append(_methods(found, index))
    return Section(
        f"image-{index + 1}",
        f"{file.rpartition('/')[2]}: {quoted(name)}, {percent(probability)}",
        _answer(found, index),
        join(body),
    )


def _answer(found: Decision, index: int) -> str:
    name, probability = found.target(index)
    (top, sure), *_ = found.top(index)
    said = f"The network says {quoted(top)} and is {percent(sure)} sure."
    if top != name:
        said += f" Explained is {quoted(name)}, to which it gives {percent(probability)}."
    truth = found.images.truth(index)
    if truth is None:
        return said
    verdict = "right" if truth == top else f"wrong, it is {quoted(truth)}"
    return f"{said} By the name of its folder that is {verdict}."


def _seen(found: Decision, index: int) -> Html:
    name = found.images.names[index]
    chances = tag(
        "ul",
        *(
            tag(
                "li",
                tag("span", each, class_="name", title=each),
                tag("span", tag("i", style=f"width: {100 * p:.1f}%"), class_="bar"),
                tag("span", percent(p), class_="number"),
            )
            for each, p in found.top(index)
        ),
        class_="bars",
    )
    return framed(
        f"image-{index + 1}-seen",
        join([_large(big(found.images.pixels[index]), f"{name} as the network sees it"), chances]),
        caption="The picture as the network sees it, and how sure it is of its most probable "
        "classes.",
    )


def _mapped(found: Decision, index: int) -> Html:
    name, _ = found.target(index)
    maps = found.main.maps
    drawn = over(found.images.pixels[index], maps.maps[index])
    return framed(
        f"image-{index + 1}-map",
        _large(drawn, f"map of {maps.method} for {name}"),
        caption=where(maps, index, name),
    )


def _tested(found: Decision, index: int) -> Html:
    one = found.main.faithfulness.of(index)
    name, _ = found.target(index)
    return figure(
        f"image-{index + 1}-removal",
        one.plot,
        caption=removal(one, name),
        label=f"Line chart of the probability of {name} as the picture is taken away and put back",
        height=300,
    )


def _ways(found: Decision, index: int) -> list[Html]:
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
    return way.unit + (f": {percent(part)} of the evidence" if part == part else "")


def _split(found: Decision, index: int, split: Split, number: int) -> Html:
    pixels = found.images.pixels[index]
    maps = (split.whole[index], split.by_shortcut[index], split.by_transform[index])
    limit = max(float(one.abs().max()) for one in maps)
    signs, words = ("", "=", "+"), ("the unit's map", "by the shortcut", "by the transform")
    pieces = (
        join(
            [
                *([tag("li", sign, class_="joint")] if sign else []),
                tag("li", _small(signed(pixels, one, limit), word), tag("p", word)),
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
            _small(signed(pixels, way.maps[place][0], limit), f"what {way.units[place]} added"),
            tag("p", tag("strong", way.units[place].removesuffix(".unit"))),
            tag("p", f"{shares[place]:+.0%}" if shares[place] == shares[place] else "-"),
        )
        for place in places
    )
    return framed(
        name,
        tag("ul", *items, class_="pictures pairs"),
        caption="Where on the picture units added what speaks for the class (red) or against it "
        "(blue), all in one scale, and how much of the evidence that is.",
    )


def _methods(found: Decision, index: int) -> Html:
    if len(found.judged) == 1:
        return paragraph(f"No other method was asked beside {found.main.maps.method}.")
    items = (
        tag(
            "li",
            _small(
                over(found.images.pixels[index], each.maps.maps[index]),
                f"map of {each.maps.method}",
            ),
            tag("p", tag("strong", each.maps.method)),
            tag("div", verdict(each)),
            tag("p", _areas(each.faithfulness.of(index)), class_="sure"),
        )
        for each in found.judged
    )
    return framed(
        f"image-{index + 1}-methods",
        tag("ul", *items, class_="pictures"),
        caption="The same question put to several methods. Where they agree, the answer is safer. "
        "A method marked with an exclamation mark draws much the same map for a network with "
        "random weights: it shows the edges of the picture, not what the network learned. Below: "
        "the mean probability while its places are taken away (low is good) and put back (high "
        "is good).",
    )


def _areas(one: Faithfulness) -> str:
    return f"away {number(one.deletion)}, back {number(one.insertion)}"


def _large(pixels: Tensor, label: str) -> Html:
    return tag("div", picture(pixels, label=label, large=LARGE), class_="large")


def _small(pixels: Tensor, label: str) -> Html:
    return picture(pixels, label=label)
