"""Section: one image with its answer, its map, and where in the network that came from."""

from torch import Tensor

from plusx.explain import Decision, Judged
from plusx.report.blocks import paragraph
from plusx.report.explain.overlay import big, over
from plusx.report.explain.sentences import quoted, removal, where
from plusx.report.explain.trust import verdict
from plusx.report.explain.ways import ways
from plusx.report.figures import figure, framed
from plusx.report.markup import Html, join, tag
from plusx.report.page import Section
from plusx.report.pictures import picture
from plusx.report.words import number, percent

__all__ = ["image"]

LARGE = 384


def image(found: Decision, index: int) -> Section:
    """Show picture and answer, map and its test, both halves, the way back, other methods."""
    name, probability = found.target(index)
    file = found.images.names[index]
    body = [
        tag(
            "div",
            _seen(found, index),
            _mapped(found, index),
            *([_tested(found, index)] if found.main.maps.half(index) else []),
            class_="grid explained",
        )
    ]
    body += ways(found, index)
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
        caption=where(found.main, index, name),
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


def _methods(found: Decision, index: int) -> Html:
    if len(found.judged) == 1:
        return paragraph(f"No other method was asked beside {found.main.maps.method}.")
    items = (
        tag(
            "li",
            picture(
                over(found.images.pixels[index], each.maps.maps[index]),
                label=f"map of {each.maps.method}",
            ),
            tag("p", tag("strong", each.maps.method)),
            tag("div", verdict(each)),
            tag("p", _areas(each, index), class_="sure"),
        )
        for each in found.judged
    )
    return framed(
        f"image-{index + 1}-methods",
        tag("ul", *items, class_="pictures"),
        caption="The same question put to several methods. Where they agree, the answer is safer. "
        "A method marked with an exclamation mark draws too much of the same map for a network "
        "with random weights: that part is the picture, not what the network learned. Below: the "
        "mean probability while its places are taken away (low is good) and put back (high "
        "is good).",
    )


def _areas(each: Judged, index: int) -> str:
    if not each.maps.half(index):
        return "names no place"
    one = each.faithfulness.of(index)
    return f"away {number(one.deletion)}, back {number(one.insertion)}"


def _large(pixels: Tensor, label: str) -> Html:
    return tag("div", picture(pixels, label=label, large=LARGE), class_="large")
