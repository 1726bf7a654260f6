"""Section: what each stream of the network adds to its answers."""

from plusx.analysis.stream_figures import Streams
from plusx.report.blocks import details, paragraph, table
from plusx.report.figures import figure
from plusx.report.markup import join, tag
from plusx.report.page import Section
from plusx.report.words import count, number, percent

__all__ = ["streams"]

ROW = 16  # CSS pixels of a class
SEES = {"rgb": "the image in its colours", "l": "its brightness alone"}
"""What a stream of these names is given."""


def streams(found: Streams) -> Section:
    """Show each stream alone and silenced, its share by class, and the gradient that it gets."""
    names = " and ".join(_named(stream.name) for stream in found.streams)
    bars = min(len(found.classes), 20)
    drawn = figure(
        "streams-shares",
        found.plot,
        caption="Each stream's share of what the true class gets, class by class.",
        label="Bar chart of the share of each stream by class",
        height=90 + ROW * bars,
    )
    head, *lines = found.cells()
    by_class, *classes = found.class_cells()
    return Section(
        "streams",
        "What each stream adds to the answer",
        f"The network looks at an image in {len(found.streams)} ways: {names}. Alone is how often "
        "a stream is right by itself, silenced how often the others are without it. Its logit is "
        "the score that it gives the true class, over the mean of all classes, its share the part "
        "of that in the sum of all streams. The gradient says how strongly its weights are pulled "
        "in one training pass, at stem those of its first layer (- where none learns, or of one "
        "image).",
        join(
            [
                paragraph(_sum(found), " ", _most(found)),
                table(head, lines, label="Stream by stream"),
                tag("div", drawn, class_="grid"),
                details("Every class", table(by_class, classes, label="Share by class")),
            ]
        ),
    )


def _named(name: str) -> str:
    return f"{name} ({SEES[name]})" if name in SEES else name


def _sum(found: Streams) -> str:
    of = f"On {count(found.images, 'validation image')}"
    if found.added and found.difference == 0:
        return f"{of} the logits are exactly the sum of the streams' (difference 0.0)."
    why = (
        "though they are added: a stream looks at another"
        if found.added
        else "the streams meet before the last layer, and shares are a guide only"
    )
    return (
        f"{of} the logits differ by up to {number(found.difference)} from the sum of what each "
        f"stream gives alone: {why}."
    )


def _most(found: Streams) -> str:
    main = max(found.streams, key=lambda stream: found.accuracy - stream.silenced)
    return (
        f"Together they are right in {percent(found.accuracy)}; without {main.name} it is "
        f"{percent(main.silenced)}."
    )
