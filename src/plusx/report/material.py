"""Section: the images that the network was trained and tested on."""

from plusx.report.blocks import bars, details, paragraph
from plusx.report.markup import Html, join, tag
from plusx.report.page import Section
from plusx.report.words import count
from plusx.train.result import TrainResult

__all__ = ["material"]

OPEN = 24  # classes that are listed without being folded away
LISTED = 500  # broken files


def material(result: TrainResult) -> Section:
    """Show how many images there are, of what, and what is wrong with them."""
    return Section(
        "data",
        "What it was trained and tested on",
        "Training images teach the network, validation images choose its best epoch, and test "
        "images are looked at once, at the end.",
        join(
            [
                tag("div", _splits(result), _classes(result), class_="grid"),
                _notes(result.data_notes),
                _broken(result.broken),
            ]
        ),
    )


def _splits(result: TrainResult) -> Html:
    return tag("div", tag("h3", "Images in each split"), bars(result.split_sizes), class_="box")


def _classes(result: TrainResult) -> Html:
    counts = result.class_counts
    title = f"Training images of each of {count(len(counts), 'class', 'classes')}"
    if not counts:
        return Html("")
    if len(counts) <= OPEN:
        return tag("div", tag("h3", title), bars(counts), class_="box")
    said = f"From {min(counts.values()):,} to {count(max(counts.values()), 'image')} a class."
    listed = details("Every class", bars(counts))
    return tag("div", tag("h3", title), paragraph(said), listed, class_="box")


def _notes(notes: tuple[str, ...]) -> Html:
    return tag("ul", *(tag("li", note) for note in notes), class_="notes") if notes else Html("")


def _broken(broken: tuple[tuple[str, str], ...]) -> Html:
    if not broken:
        return paragraph("Every file could be read.")
    items = [tag("li", tag("code", file), f": {reason}") for file, reason in broken[:LISTED]]
    if len(broken) > LISTED:
        items.append(tag("li", f"and {len(broken) - LISTED:,} more"))
    title = f"{count(len(broken), 'file')} could not be read and took no part"
    return details(title, tag("ul", *items, class_="notes"))
