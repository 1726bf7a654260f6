"""How often is a classifier right, where is it wrong, and does it know?"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["Bin", "Evaluation", "evaluation"]


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
    loss: float
    confusion: NDArray[np.int64]
    bins: tuple[Bin, ...]
    calibration_error: float

    def to_json(self) -> dict[str, Any]:
        """Return the figures as plain JSON values."""
        return {
            "count": self.count,
            "accuracy": self.accuracy,
            "loss": self.loss,
            "calibration_error": self.calibration_error,
            "confusion": self.confusion.tolist(),
        }


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
    return Evaluation(
        classes=classes,
        count=len(labels),
        accuracy=float(right.mean()),
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
