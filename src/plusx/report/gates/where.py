"""Section: where gates of places look, beside Grad-CAM of the same unit."""

import math
from collections.abc import Iterable

import torch
from torch import Tensor

from plusx.analysis.drawing import spread
from plusx.explain.gate_beside import Beside
from plusx.explain.gate_study import GateStudy
from plusx.report.blocks import details, table
from plusx.report.explain.overlay import big, over, signed
from plusx.report.figures import framed
from plusx.report.gates.labels import Labels
from plusx.report.markup import Html, join, tag
from plusx.report.page import Section
from plusx.report.pictures import picture
from plusx.report.png import plain

__all__ = ["shown_maps", "strip", "where"]

DRAWN = 4
LEAST = 0.05
"""Of the mean weight: differences that are full colours, however little the weights differ."""


def shown_maps(found: GateStudy) -> list[Beside]:
    """Choose gates evenly over the depth."""
    return [found.beside[place] for place in spread(len(found.beside), DRAWN)]


def where(found: GateStudy, by: Labels) -> Section:
    """Show image, gate and Grad-CAM below each other, and how alike the two maps are."""
    head = ("gate", "unit", "r, mean", "95% interval", "images")
    lines = [_line(each) for each in found.beside]
    return Section(
        "where",
        "Where do they look?",
        "Of every image what a gate weighs place by place: red where that is more than its mean "
        "over the image, blue where less, pale where it is about the same. Below, Grad-CAM of the "
        "same unit: the places that the answer rests on there. The correlation r is 1 where both "
        "maps are the same, 0 where they have nothing to do with each other.",
        join(
            [
                framed("where-images", _row(_images(found)), caption="The images."),
                *(_shown(found, each, by) for each in shown_maps(found)),
                details("Every gate", table(head, lines, label="Maps by gate", words=2)),
            ]
        ),
    )


def strip(found: GateStudy, each: Beside) -> Tensor:
    """Return image, gate and Grad-CAM of every example, a column each: (3, height, width) uint8."""
    columns = [
        torch.cat([pixels for _, pixels in _pieces(found, each, index)], dim=1)
        for index in range(len(found.pixels))
    ]
    return torch.cat(columns, dim=2)


def _pieces(found: GateStudy, each: Beside, index: int) -> list[tuple[str, Tensor]]:
    pixels = found.pixels[index]
    apart = _apart(each)
    limit = max(float(apart.abs().max()), LEAST * float(each.maps.abs().mean()))
    drawn = [
        ("the image", big(pixels)),
        (f"weights of {each.gate}", signed(pixels, apart[index], limit)),
    ]
    if each.cams is not None:
        drawn.append((f"Grad-CAM of {each.unit}", over(pixels, each.cams[index])))
    return drawn


def _apart(each: Beside) -> Tensor:
    """Return what the weights of each example are above its mean over the places."""
    return each.maps - each.maps.mean((1, 2), keepdim=True)


def _images(found: GateStudy) -> list[Html]:
    return [
        tag(
            "li",
            picture(big(pixels), label="the image"),
            tag("p", tag("strong", found.weights.classes[int(truth)])),
        )
        for pixels, truth in zip(found.pixels, found.truths, strict=True)
    ]


def _row(items: Iterable[Html]) -> Html:
    return tag("ul", *items, class_="pictures pairs")


def _shown(found: GateStudy, each: Beside, by: Labels) -> Html:
    items = [
        tag(
            "li",
            *(picture(pixels, label=label) for label, pixels in _pieces(found, each, index)[1:]),
            tag("p", _said(float(each.shown[index])), class_="sure"),
        )
        for index in range(len(found.pixels))
    ]
    low, high = float(each.maps.min()), float(each.maps.max())
    little = float(_apart(each).abs().max()) < LEAST * float(each.maps.abs().mean())
    flat = " They hardly differ from place to place." if little else ""
    agree = "" if math.isnan(each.mean) else f" Mean r over {_count(each)} images: {each.mean:.2f}."
    below = f", over Grad-CAM of {each.unit}" if each.cams is not None else ""
    return framed(
        f"where-{plain(each.gate)}",
        join([tag("h3", f"{by[each.gate]}{below}"), _row(items)]),
        caption=f"Weights from {low:.3f} to {high:.3f} over these images.{flat}{agree}",
    )


def _said(r: float) -> str:
    return "a flat map" if math.isnan(r) else f"r {r:.2f}"


def _count(each: Beside) -> int:
    return sum(math.isfinite(r) for r in each.r.tolist())


def _line(each: Beside) -> tuple[str, ...]:
    low, high = each.interval
    mean = "-" if math.isnan(each.mean) else f"{each.mean:.2f}"
    ends = "-" if math.isnan(low) else f"{low:.2f} to {high:.2f}"
    return (each.gate, each.unit or "-", mean, ends, f"{_count(each)}")
