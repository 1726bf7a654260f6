"""What training makes small: losses of logits against labels or mixed targets."""

from collections.abc import Mapping
from typing import Protocol

import torch.nn.functional as F
from torch import Tensor

from plusx.errors import InputError

__all__ = ["LOSSES", "Loss", "binary_cross_entropy", "cross_entropy"]


class Loss(Protocol):
    """Mean over a batch of logits (B, K) and labels, int64 (B,), or targets, floating (B, K)."""

    def __call__(self, logits: Tensor, targets: Tensor, *, smoothing: float = 0.0) -> Tensor:
        """Return a float32 scalar, whatever the logits' precision."""
        ...


def cross_entropy(logits: Tensor, targets: Tensor, *, smoothing: float = 0.0) -> Tensor:
    """-sum_k t_k log softmax(z)_k with t = (1 - s) target + s / K, mean over the batch.

    Szegedy et al. 2015, section 7, for the smoothing. Logits (B, K); labels int64 (B,) or targets
    (B, K).
    """
    _check(logits, targets, smoothing)
    if targets.is_floating_point():
        targets = targets.float()
    return F.cross_entropy(logits.float(), targets, label_smoothing=smoothing)


def binary_cross_entropy(
    logits: Tensor, targets: Tensor, *, smoothing: float = 0.0, threshold: float = 0.0
) -> Tensor:
    """-(t_k log sigmoid(z_k) + (1 - t_k) log sigmoid(-z_k)), mean over classes and batch.

    Wightman et al. 2021, "ResNet strikes back", section 3.1: a class is there or it is not, so t_k
    is 1 for every class of a mixed image whose share is above `threshold`. With `smoothing` it is
    1 - s + s / K for them and s / K for the others. Logits (B, K); labels int64 (B,) or targets
    (B, K).
    """
    _check(logits, targets, smoothing)
    num_classes = logits.shape[1]
    if targets.is_floating_point():
        there = (targets > threshold).float()
    else:
        there = F.one_hot(targets, num_classes).float()
    wanted = there * (1 - smoothing) + smoothing / num_classes
    return F.binary_cross_entropy_with_logits(logits.float(), wanted)


LOSSES: Mapping[str, Loss] = {"ce": cross_entropy, "bce": binary_cross_entropy}
"""What a loss may be called, and the function that it is."""


def _check(logits: Tensor, targets: Tensor, smoothing: float) -> None:
    soft = targets.is_floating_point()
    if logits.dim() != 2 or targets.shape != (logits.shape if soft else logits.shape[:1]):
        raise InputError(
            f"logits have shape {tuple(logits.shape)} and targets {tuple(targets.shape)} "
            f"({targets.dtype}), expected (B, K) with int64 labels (B,) or floating targets (B, K)"
        )
    if not 0 <= smoothing < 1:
        raise InputError(f"smoothing is {smoothing}, expected 0 or more and below 1")
