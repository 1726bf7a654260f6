"""Does the stem suit the size of the images?"""

import math
from collections.abc import Iterator

from plusx.doctor.finding import Finding, NotApplicable
from plusx.doctor.identity.layer import Layer, words
from plusx.doctor.identity.outline import Outline
from plusx.doctor.patient import Patient

__all__ = ["stem"]

CHECK = "identity.stem"
FEW = 6
"""Layers of a stem that are named; the largest of the zoo's and of torchvision's has six."""


def stem(patient: Patient) -> Iterator[Finding]:
    """Find convolutions that see one place alone: of 3x3 weights eight ninths then meet padding.

    `plusx train` gives images up to 64 pixels a 3x3 stem for this reason.
    """
    given = patient.outline
    if len(given.x) != 3:
        raise NotApplicable("the network takes no images")
    if not patient.material.real:
        raise NotApplicable("no images are given, and so no size to hold the stem against")
    wide = [layer for layer in given.layers if layer.kind == "conv" and max(layer.kernel) > 1]
    if not wide:
        raise NotApplicable("the network has no convolution that is wider than one place")
    blind = [layer for layer in wide if len(layer.x) == 3 and math.prod(layer.x[1:]) == 1]
    side = given.x[-1]
    figures = (
        f"{len(blind)} of {len(wide)} convolutions have a map of 1x1 to look at; images of {side} "
        f"pixels, {_after(given)} after the stem ({words(given.stem, most=FEW)})"
    )
    if not blind:
        yield Finding(
            check=CHECK,
            verdict="fine",
            title="The stem suits the size of the images",
            figure=figures,
            threshold="0",
        )
        return
    yield _too_coarse(figures, blind[0], given, side, expected=bool(patient.expect))


def _too_coarse(
    figures: str, first: Layer, given: Outline, side: int, *, expected: bool
) -> Finding:
    return Finding(
        check=CHECK,
        verdict="wrong" if expected else "warning",
        title=f"The stem is for larger images than {side} pixels",
        figure=figures,
        threshold="0: a 3x3 kernel on a map of 1x1 meets padding with eight ninths of its weights",
        place=first.place,
        cause="wrong stem",
        why="the network halves the image until one place is left before its last layers",
        next="give it a small stem (3x3, stride 1, no pooling: stem=small), or larger images",
        weight=3,
    )


def _after(given: Outline) -> str:
    last = next((layer.y for layer in reversed(given.stem) if len(layer.y) == 3), given.x)
    return "x".join(map(str, last[1:]))
