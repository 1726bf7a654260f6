"""Sections: which classes are confused, and whether the probabilities can be believed."""

from matplotlib.axes import Axes

from plusx.analysis.drawing import BLUE, log_if_wide
from plusx.analysis.evaluation import Evaluation
from plusx.report.blocks import details, grid, paragraph, table
from plusx.report.figures import figure
from plusx.report.markup import Html, join, tag
from plusx.report.page import Section
from plusx.report.words import percent
from plusx.train.result import TrainResult

__all__ = ["NOT_TESTED", "calibration", "confusion"]

NOT_TESTED = "The run stopped before its test, so there is nothing to show here."
PAIRS = 10


def confusion(result: TrainResult) -> Section:
    """Show which class is taken for which."""
    return Section(
        "confusion",
        "Which classes are taken for which",
        "A row for what the test images are, a column for what they were called: right answers "
        "lie on the diagonal, in blue; mistakes beside it, in orange.",
        paragraph(NOT_TESTED) if result.test is None else _confusion(result.test),
    )


def calibration(result: TrainResult) -> Section:
    """Show whether the network is right as often as it says."""
    return Section(
        "calibration",
        "Whether its probabilities can be believed",
        "Of all answers given with a probability of 80%, 80% should be right. Bars below the "
        "diagonal: surer than it should be; above: less sure.",
        paragraph(NOT_TESTED) if result.test is None else _calibration(result.test),
    )


def _confusion(test: Evaluation) -> Html:
    many = 10 < len(test.classes) <= 20  # still with counts, which need room
    side = (640, 600) if many else (380, 370)
    drawn = figure(
        "confusion-matrix",
        test.plot,
        caption="The stronger the blue, the larger the share of the class that was recognised; "
        "the strongest orange is the most frequent mistake."
        + (
            " The classes are numbered from 0, in the order of the table."
            if len(test.classes) > 20
            else ""
        ),
        label=f"Confusion matrix of {len(test.classes)} classes",
        width=side[0],
        height=side[1],
    )
    cells = test.cells()
    by_class = table(cells[0], cells[1:], label="Results class by class")
    beside = tag("div", tag("h3", "Most frequent confusions"), _pairs(test))
    return join(
        [
            tag("div", drawn, beside, class_="grid wide" if many else "grid"),
            details("Every class", by_class),
        ]
    )


def _pairs(test: Evaluation) -> Html:
    of_class = test.confusion.sum(axis=1)
    wrong = [
        (int(test.confusion[row, column]), int(row), int(column))
        for row, column in zip(*test.confusion.nonzero(), strict=True)
        if row != column
    ]
    wrong.sort(key=lambda pair: (-pair[0], pair[1], pair[2]))
    if not wrong:
        return paragraph("None: every test image was recognised.")
    lines = [
        (test.classes[row], test.classes[column], f"{n:,}", percent(n / of_class[row]))
        for n, row, column in wrong[:PAIRS]
    ]
    return table(("is", "called", "images", "of its class"), lines, label="Confused pairs", words=2)


def _calibration(test: Evaluation) -> Html:
    sure = sum(b.confidence * b.count for b in test.bins) / test.count
    said = (
        f"On average it is {percent(sure)} sure and {percent(test.accuracy)} right. The mean "
        "distance between the two, bin by bin, is the expected calibration error: "
        f"{percent(test.calibration_error)}."
    )
    figures = grid(
        figure(
            "calibration-curve",
            test.plot_calibration,
            caption="How often the answers are right, by how sure the network is. The dots are "
            "the means of the bins. Bins with few answers (see the counts) say little.",
            label="Reliability diagram: accuracy by confidence",
        ),
        figure(
            "calibration-counts",
            lambda ax: _counts(ax, test),
            caption="How many answers are given with which certainty.",
            label="Bar chart of the number of predictions by confidence",
        ),
    )
    lines = [
        (f"{b.low:.0%} to {b.high:.0%}", f"{b.count:,}", percent(b.confidence), percent(b.accuracy))
        for b in test.bins
        if b.count
    ]
    listed = table(("how sure", "answers", "mean", "right"), lines, label="Calibration in figures")
    return join([paragraph(said), figures, details("The bins in figures", listed)])


def _counts(ax: Axes, test: Evaluation) -> None:
    filled = [b for b in test.bins if b.count]
    ax.bar(
        [50 * (b.low + b.high) for b in filled],
        [b.count for b in filled],
        width=[90 * (b.high - b.low) for b in filled],
        color=BLUE,
    )
    log_if_wide(ax, y=[b.count for b in filled])
    ax.set(xlim=(0, 100), xlabel="how sure, %", ylabel="answers")
