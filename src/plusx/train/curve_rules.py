"""What a run's curves say: the rules that its report and the doctor judge by."""

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from plusx.train.result import Epoch

__all__ = [
    "OVERFIT",
    "RISING",
    "chance",
    "deviation",
    "gain",
    "hardly_learned",
    "overfits",
    "rising",
]

# Rules of thumb, each a wide margin from what healthy runs of the zoo show (LOG.md).
OVERFIT = 0.10  # training above validation accuracy
RISING = 0.01  # validation accuracy gained in the last tenth of the epochs


def deviation(share: float, count: int) -> float:
    """Return the standard deviation of a share that was measured on `count` images."""
    return math.sqrt(max(share * (1 - share), 1 / count) / count)


def chance(num_classes: int, confusion: ArrayLike | None = None) -> float:
    """Return what always naming the commonest class is right for; evenly many without a test."""
    if confusion is None:
        return 1 / num_classes
    counts = np.asarray(confusion)
    return max(1 / num_classes, float(counts.sum(axis=1).max()) / float(counts.sum()))


def hardly_learned(accuracy: float, chance: float) -> bool:
    """Whether an accuracy is less than a tenth of the way from chance to 1."""
    return accuracy < chance + 0.1 * (1 - chance)


def overfits(last: Epoch, num_val: int) -> bool:
    """Whether training accuracy lies far above validation accuracy."""
    limit = OVERFIT + 2 * deviation(last.val_accuracy, num_val)
    return last.train_accuracy - last.val_accuracy > limit


def gain(epochs: Sequence[Epoch]) -> float | None:
    """Return what validation accuracy gained in the last tenth; None of too few epochs."""
    back = max(2, len(epochs) // 10 + 1)
    return epochs[-1].val_accuracy - epochs[-back].val_accuracy if len(epochs) > back else None


def rising(epochs: Sequence[Epoch], num_val: int) -> bool:
    """Whether validation accuracy was still rising at the end."""
    gained = gain(epochs)
    if gained is None:
        return False
    return gained > RISING + 2 * deviation(epochs[-1].val_accuracy, num_val)
