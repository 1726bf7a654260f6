"""Mean and standard deviation of pixels, exactly."""

from collections.abc import Iterable

import torch

__all__ = ["mean_and_std"]

_ROWS = 2048


def mean_and_std(groups: Iterable[torch.Tensor]) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Return mean and deviation per channel, of values in [0, 1], of uint8 (N, C, H, W) groups.

    Sums are whole numbers, so the result depends on neither grouping nor order. A deviation
    is at least one grey level: images of one colour must not divide by zero.
    """
    count, total, squares = 0, torch.zeros(1, dtype=torch.int64), torch.zeros(1, dtype=torch.int64)
    for group in groups:
        for rows in group.split(_ROWS):
            values = rows.to(torch.int32)
            count += values.numel() // values.shape[1]
            total = total + values.sum(dim=(0, 2, 3), dtype=torch.int64)
            squares = squares + values.square().sum(dim=(0, 2, 3), dtype=torch.int64)
    mean = total.double() / count
    std = (squares.double() / count - mean.square()).clamp(min=1).sqrt()
    return tuple((mean / 255).tolist()), tuple((std / 255).tolist())
