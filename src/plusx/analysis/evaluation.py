"""How often is a classifier right, where is it wrong, and does it know?"""

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from plusx.analysis.aligned import aligned
from plusx.analysis.drawing import BLUE, ORANGE, new_axes, short

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["Bin", "Evaluation", "evaluation"]

NUMBERED = 20  # classes; beyond that names and counts do not fit a confusion matrix


@dataclass(frozen=True)
class Bin:
    """Predictions whose confidence lies in (low, high]."""

    low: float
    high: float
    count: int
    confidence: float
    accuracy: float


@dataclass(frozen=True, eq=False)
class Evaluation:
    """`confusion[i, j]` counts images of class i that were called j; `bins` is the calibration.

    `calibration_error` is the expected calibration error: the mean distance of confidence and
    accuracy over the bins, weighted by count (Guo et al. 2017, equation 3).
    """

    classes: tuple[str, ...]
    count: int
    accuracy: float
    top5: float  # share of images whose class is among the five most probable
    loss: float
    confusion: NDArray[np.int64]
    bins: tuple[Bin, ...]
    calibration_error: float

    @property
    def interval(self) -> tuple[float, float]:
        """The 95% interval of the accuracy; Wilson 1927, right also near 0 and 1."""
        z, tries, share = 1.96, self.count, self.accuracy
        middle = share + z * z / (2 * tries)
        half = z * math.sqrt(share * (1 - share) / tries + (z / (2 * tries)) ** 2)
        shrunk = 1 + z * z / tries
        return max(0.0, (middle - half) / shrunk), min(1.0, (middle + half) / shrunk)

    def to_json(self) -> dict[str, Any]:
        """Return the figures as plain JSON values."""
        return {
            "count": self.count,
            "accuracy": self.accuracy,
            "interval": list(self.interval),
            "top5": self.top5,
            "loss": self.loss,
            "calibration_error": self.calibration_error,
            "confusion": self.confusion.tolist(),
        }

    def cells(self) -> list[tuple[str, ...]]:
        """Return a head, and a line a class: how many of it are found, how many calls are right."""
        right = self.confusion.diagonal()
        lines: list[tuple[str, ...]] = [("class", "images", "found", "calls", "of them right")]
        for name, hits, images, calls in zip(
            self.classes, right, self.confusion.sum(axis=1), self.confusion.sum(axis=0), strict=True
        ):
            found, true = (f"{hits / n:.1%}" if n else "-" for n in (images, calls))
            lines.append((name, f"{images:,}", found, f"{calls:,}", true))
        return lines

    def table(self) -> str:
        """List the classes: recall ("found") and precision ("of them right")."""
        low, high = self.interval
        title = (
            f"{self.accuracy:.2%} of {self.count:,} images are right "
            f"(95% interval {low:.2%} to {high:.2%})"
        )
        if len(self.classes) > 5:
            title += f", {self.top5:.2%} among the five most probable"
        return "\n".join([title, "", *aligned(self.cells())])

    def plot(self, ax: "Axes | None" = None) -> "Axes":
        """Draw the confusion matrix: truth down, guess across; counts up to 20 classes.

        Right answers are blue by their share of the class, wrong ones orange, in proportion to the
        most frequent of them.
        """
        ax = ax or new_axes()
        ax.imshow(_tint(self.confusion), interpolation="nearest", aspect="equal")
        ax.set(xlabel="what it was called", ylabel="what it is")
        ax.grid(False)
        if len(self.classes) > NUMBERED:
            return ax
        places = range(len(self.classes))
        names = [short(name) for name in self.classes]
        ax.set_xticks(places, names, rotation=90, parse_math=False)
        ax.set_yticks(places, names, parse_math=False)
        for row, column in zip(*self.confusion.nonzero(), strict=True):
            ax.text(
                column,
                row,
                f"{self.confusion[row, column]}",
                ha="center",
                va="center",
                size="small",
            )
        return ax

    def plot_calibration(self, ax: "Axes | None" = None) -> "Axes":
        """Draw how often predictions are right against how sure they are, bin by bin."""
        ax = ax or new_axes()
        filled = [b for b in self.bins if b.count]
        ax.plot([0, 100], [0, 100], ":", color="gray", label="just right")
        ax.bar(
            [50 * (b.low + b.high) for b in filled],
            [100 * b.accuracy for b in filled],
            width=[90 * (b.high - b.low) for b in filled],
            color=BLUE,
            alpha=0.55,
        )
        ax.plot(
            [100 * b.confidence for b in filled],
            [100 * b.accuracy for b in filled],
            "o",
            color=ORANGE,
            label="mean of the bin",
            clip_on=False,
        )
        ax.set(xlim=(0, 100), ylim=(0, 100), xlabel="how sure, %", ylabel="how often right, %")
        return ax


def evaluation(
    probabilities: NDArray[np.floating[Any]],
    labels: NDArray[np.integer[Any]],
    classes: tuple[str, ...],
    *,
    num_bins: int = 15,
) -> Evaluation:
    """Compare `probabilities` (N, K) with `labels` (N,); loss is the mean -ln p(label).

    Raises `ValueError` when the shapes disagree or there is nothing to evaluate.
    """
    if probabilities.shape != (len(labels), len(classes)) or not len(labels):
        raise ValueError(
            f"probabilities are {probabilities.shape}; expected ({len(labels)}, {len(classes)}) "
            "and at least one row"
        )
    guess = probabilities.argmax(axis=1)
    sure = probabilities.max(axis=1)
    right = guess == labels
    confusion = np.zeros((len(classes),) * 2, dtype=np.int64)
    np.add.at(confusion, (labels, guess), 1)
    bins = tuple(_bin(sure, right, i / num_bins, (i + 1) / num_bins) for i in range(num_bins))
    of_label = probabilities[np.arange(len(labels)), labels]
    above = (probabilities > of_label[:, None]).sum(axis=1)
    return Evaluation(
        classes=classes,
        count=len(labels),
        accuracy=float(right.mean()),
        top5=float((above < 5).mean()),
        loss=float(-np.log(np.maximum(of_label, 1e-12)).mean()),
        confusion=confusion,
        bins=bins,
        calibration_error=sum(abs(b.confidence - b.accuracy) * b.count for b in bins) / len(labels),
    )


def _bin(sure: NDArray[np.floating[Any]], right: NDArray[np.bool_], low: float, high: float) -> Bin:
    inside = (sure > low) & (sure <= high)
    count = int(inside.sum())
    if not count:
        return Bin(low, high, 0, 0.0, 0.0)
    return Bin(low, high, count, float(sure[inside].mean()), float(right[inside].mean()))


def _tint(confusion: NDArray[np.int64]) -> NDArray[np.float64]:
    """Colour each cell, (K, K, 4); never so strongly that text on it could not be read."""
    from matplotlib.colors import to_rgb

    share = confusion / np.maximum(confusion.sum(axis=1, keepdims=True), 1)
    right = np.eye(len(confusion), dtype=bool)
    wrong = np.where(right, 0, share)
    strength = np.where(right, share, np.sqrt(wrong / max(wrong.max(), 1e-12)))
    color = np.where(right[..., None], to_rgb(BLUE), to_rgb(ORANGE))
    return np.concatenate([color, 0.65 * strength[..., None]], axis=2)
