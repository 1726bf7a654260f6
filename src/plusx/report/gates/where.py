"""Section: where gates of places look, beside Grad-CAM of the same unit."""

import math

import torch
from torch import Tensor

from plusx.analysis.drawing import spread
from plusx.explain.attribution import unit_range
from plusx.explain.gate_beside import Beside
from plusx.explain.gate_study import GateStudy
from plusx.report.blocks import details, table
from plusx.report.explain.overlay import big, over
from plusx.report.figures import framed
from plusx.report.gates.labels import Labels
from plusx.report.markup import Html, join, tag
from plusx.report.page import Section
from plusx.report.pictures import picture
from plusx.report.png import plain

__all__ = ["shown_maps", "strip", "where"]

DRAWN = 4


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
        "Above, the image; then what a gate weighs place by place, from its least (dark) to its "
        "greatest weight; below, Grad-CAM of the same unit: the places that the answer rests on "
        "there. The correlation r is 1 where both maps are the same, 0 where they have nothing to "
        "do with each other.",
        join(
            [
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
    drawn = [
        ("the image", big(pixels)),
        (f"weights of {each.gate}", over(pixels, _stretched(each.maps[index]))),
    ]
    if each.cams is not None:
        drawn.append((f"Grad-CAM of {each.unit}", over(pixels, each.cams[index])))
    return drawn


def _stretched(weights: Tensor) -> Tensor:
    """Stretch weights to 0 to 1; of a map that is all but flat nothing is made."""
    flat = float(weights.max() - weights.min()) <= 1e-3 * float(weights.abs().max())
    return torch.zeros_like(weights) if flat else unit_range(weights[None])[0]


def _shown(found: GateStudy, each: Beside, by: Labels) -> Html:
    items = (
        tag(
            "li",
            *(picture(pixels, label=label) for label, pixels in _pieces(found, each, index)),
            tag("p", tag("strong", found.weights.classes[int(found.truths[index])])),
            tag("p", _said(float(each.shown[index])), class_="sure"),
        )
        for index in range(len(found.pixels))
    )
    low, high = float(each.maps.min()), float(each.maps.max())
    agree = "" if math.isnan(each.mean) else f" Mean r over {_count(each)} images: {each.mean:.2f}."
    return framed(
        f"where-{plain(each.gate)}",
        tag("ul", *items, class_="pictures pairs"),
        caption=f"{by[each.gate]}: weights from {low:.2f} to {high:.2f} over these images.{agree}",
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
