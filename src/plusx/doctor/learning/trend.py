"""A straight line through the losses: how far they fall along it, and how surely.

Draper and Smith 1998, "Applied regression analysis", section 1.4.
"""

from collections.abc import Sequence

import torch

__all__ = ["fall"]


def fall(losses: Sequence[float]) -> tuple[float, float]:
    """Return how far the line of least squares falls from end to end, and its standard error."""
    y = torch.tensor(losses, dtype=torch.float64)
    at = torch.arange(len(y), dtype=torch.float64)
    at = at - at.mean()
    slope = (at * (y - y.mean())).sum() / at.square().sum()
    rest = y - y.mean() - slope * at
    error = (rest.square().sum() / (len(y) - 2) / at.square().sum()).sqrt()
    return -float(slope) * (len(y) - 1), float(error) * (len(y) - 1)
