"""Section: loss, accuracy and learning rate over the epochs."""

import math
from collections.abc import Iterable, Sequence

from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from plusx.analysis.drawing import BLUE, ORANGE, log_if_wide
from plusx.report.blocks import details, grid, paragraph, table
from plusx.report.figures import INK, figure
from plusx.report.markup import Html, join
from plusx.report.page import Section
from plusx.report.words import number, percent
from plusx.train.result import Epoch, TrainResult

__all__ = ["by_epoch", "from_zero", "learning"]


def learning(result: TrainResult) -> Section:
    """Show what the network learned, epoch by epoch."""
    return Section(
        "learning",
        "How it learned, epoch by epoch",
        "An epoch is one pass over the training images. The loss measures how wrong the "
        "predictions are and should fall; the accuracy is the share of right answers and should "
        "rise. Validation images are never trained on.",
        _body(result),
    )


def by_epoch(
    ax: Axes, epochs: Sequence[Epoch], values: Iterable[float], *, label: str, color: str, line: str
) -> None:
    """Draw one figure a curve; what is not finite leaves a gap, a few epochs get dots."""
    shown = [value if math.isfinite(value) else math.nan for value in values]
    marker = "o" if len(epochs) <= 15 else ""
    ax.plot([e.epoch for e in epochs], shown, line, color=color, label=label, marker=marker)
    aside = 0.04 * len(epochs)
    ax.set_xlim(epochs[0].epoch - aside, epochs[-1].epoch + aside)  # gaps at the ends included
    ax.set_xlabel("epoch")
    ax.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))


def from_zero(ax: Axes, values: Iterable[float]) -> None:
    """Let the figures of an axis begin at zero, with room above the largest."""
    most = max((value for value in values if math.isfinite(value)), default=0.0)
    ax.set_ylim(0, 1.1 * most or 1.0)


def _body(result: TrainResult) -> Html:
    epochs = result.epochs
    if not epochs:
        return paragraph("The run ended before its first epoch did, so there are no curves.")
    figures = grid(
        figure(
            "loss",
            lambda ax: _loss(ax, epochs),
            caption="Loss. The training curve includes augmentation and label smoothing, which "
            "make its images harder, so it may lie above the validation curve.",
            label="Line chart of training and validation loss by epoch",
        ),
        figure(
            "accuracy",
            lambda ax: _accuracy(ax, result),
            caption="Accuracy. A training curve far above the validation curve means that the "
            "network knows the training images by heart.",
            label="Line chart of training and validation accuracy by epoch",
        ),
        figure(
            "learning-rate",
            lambda ax: _rate(ax, epochs),
            caption="Learning rate at the end of each epoch: how large the steps are.",
            label="Line chart of the learning rate by epoch",
        ),
    )
    return join([_words(result), figures, details("All figures of the curves", _table(epochs))])


def _loss(ax: Axes, epochs: Sequence[Epoch]) -> None:
    train, val = [e.train_loss for e in epochs], [e.val_loss for e in epochs]
    by_epoch(ax, epochs, train, label="training", color=ORANGE, line="--")
    by_epoch(ax, epochs, val, label="validation", color=BLUE, line="-")
    log_if_wide(ax, y=[*train, *val])


def _accuracy(ax: Axes, result: TrainResult) -> None:
    epochs = result.epochs
    train = [100 * e.train_accuracy for e in epochs]
    by_epoch(ax, epochs, train, label="training", color=ORANGE, line="--")
    val = [100 * e.val_accuracy for e in epochs]
    by_epoch(ax, epochs, val, label="validation", color=BLUE, line="-")
    for best in _best(result):
        ax.plot(
            [best.epoch],
            [100 * best.val_accuracy],
            "o",
            markersize=11,
            markerfacecolor="none",
            markeredgecolor=INK,
            label="best",
        )
    ax.set_ylabel("right, %")


def _rate(ax: Axes, epochs: Sequence[Epoch]) -> None:
    rates = [e.learning_rate for e in epochs]
    by_epoch(ax, epochs, rates, label="learning rate", color=BLUE, line="-")
    from_zero(ax, rates)


def _best(result: TrainResult) -> list[Epoch]:
    return [epoch for epoch in result.epochs if epoch.epoch == result.best_epoch]


def _words(result: TrainResult) -> Html:
    said = [
        f"Epoch {best.epoch} was the best on validation, with {percent(best.val_accuracy)}; the "
        "network is kept as it was then."
        for best in _best(result)
    ]
    lost = [
        str(e.epoch)
        for e in result.epochs
        if not all(map(math.isfinite, (e.train_loss, e.val_loss, e.learning_rate)))
    ]
    if lost:
        first = f"epoch {lost[0]}" if len(lost) == 1 else f"{len(lost)} epochs from {lost[0]} on"
        said.append(
            f"In {first} a loss was not a finite number, which leaves a gap in the curves. A lower "
            "learning rate usually prevents it."
        )
    return paragraph(" ".join(said)) if said else Html("")


def _table(epochs: Sequence[Epoch]) -> Html:
    head = ("epoch", "step", "learning rate", "training loss", "right", "validation loss", "right")
    lines = (
        (
            str(e.epoch),
            f"{e.step:,}",
            number(e.learning_rate),
            number(e.train_loss),
            percent(e.train_accuracy),
            number(e.val_loss),
            percent(e.val_accuracy),
        )
        for e in epochs
    )
    return table(head, lines, label="Learning curves in figures", words=0)
