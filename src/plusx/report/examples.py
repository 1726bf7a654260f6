"""Sections of pictures: the worst mistakes, and what augmentation makes of the images."""

from plusx.report.answers import NOT_TESTED
from plusx.report.blocks import paragraph
from plusx.report.figures import framed
from plusx.report.markup import Html, tag
from plusx.report.page import Section
from plusx.report.pictures import picture
from plusx.report.words import percent
from plusx.train.result import Mistake, TrainResult

__all__ = ["mistakes", "seen"]

MISTAKES = 24
PAIRS = 12


def mistakes(result: TrainResult) -> Section:
    """Show the test images that the network was most wrong about."""
    shown = result.mistakes[:MISTAKES]
    if shown:
        body = framed(
            "mistake-pictures",
            tag("ul", *map(_mistake, shown), class_="pictures"),
            caption="Below each picture: what it is, what it was called, how sure the network was "
            "of that, and its file.",
        )
    else:
        none = "There are none: every test image was recognised."
        body = paragraph(NOT_TESTED if result.test is None else none)
    return Section(
        "mistakes",
        "The mistakes it was surest of",
        "Test images that were called something else, the most confident first. They often show "
        "wrong labels, classes that overlap, or a kind of image that training lacked.",
        body,
    )


def seen(result: TrainResult) -> Section:
    """Show training images as stored and as the network sees them."""
    count = min(len(result.originals), len(result.augmented), PAIRS)
    pairs = (
        tag(
            "li",
            picture(result.originals[i], label=f"training image {i + 1} as stored"),
            picture(result.augmented[i], label=f"training image {i + 1} as the network sees it"),
        )
        for i in range(count)
    )
    body = framed(
        "augmentation-pictures",
        tag("ul", *pairs, class_="pictures pairs"),
        caption="Above: as stored. Below: the same image as one training step sees it.",
    )
    return Section(
        "augmentation",
        "What the network is shown",
        "Each pass changes the training images a little at random (augmentation), so that the "
        "network learns what matters. A person should still recognise every one of them.",
        body if count else paragraph("No images were kept for this section."),
    )


def _mistake(mistake: Mistake) -> Html:
    label = f"{mistake.truth}, called {mistake.guess}"
    return tag(
        "li",
        picture(mistake.image, label=label),
        tag("p", tag("span", "is "), tag("strong", mistake.truth)),
        tag("p", tag("span", "called "), tag("strong", mistake.guess)),
        tag("p", f"{percent(mistake.probability)} sure", class_="sure"),
        tag("p", mistake.name, class_="file", title=mistake.name),
    )
