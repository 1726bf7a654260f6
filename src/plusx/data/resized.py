"""Boxes of stored images resized to one size, a whole batch at a time."""

import numpy as np
import torch

from plusx.data.boxes import Integers

__all__ = ["resized"]

_ONE = 128  # a weight of 1: differences of bytes times weights then fit into 16 bits


def resized(
    images: torch.Tensor, boxes: Integers, mirrored: torch.Tensor, *, size: int
) -> torch.Tensor:
    """Resize (left, top, width, height) of each image bilinearly, mirrored where told.

    uint8 (B, C, H, W) to uint8 (B, C, size, size). Whole numbers throughout: the result is the
    same on every device and in whatever batch an image stands, and within two levels of exact
    bilinear interpolation. No antialiasing: stored images are not much larger than `size`.
    """
    batch, channels, _, side = images.shape
    left, top, width, height = boxes.T
    low, high, weight = _taps(top, height, size, images.device)
    rows = [
        images.gather(2, at.view(batch, 1, size, 1).expand(-1, channels, -1, side))
        for at in (low, high)
    ]
    tall = _between(rows[0], rows[1], weight.view(batch, 1, size, 1))
    low, high, weight = (
        torch.where(mirrored.to(images.device).view(-1, 1), tap.flip(1), tap)
        for tap in _taps(left, width, size, images.device)
    )
    columns = [
        tall.gather(3, at.view(batch, 1, 1, size).expand(-1, channels, size, -1))
        for at in (low, high)
    ]
    return _between(columns[0], columns[1], weight.view(batch, 1, 1, size))


def _between(low: torch.Tensor, high: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
    """y = low + (high - low) weight / 128, rounded, of bytes."""
    first = low.to(torch.int16)
    step = (high.to(torch.int16) - first) * weight
    return (first + (step + _ONE // 2).bitwise_right_shift(7)).to(torch.uint8)


def _taps(
    start: np.ndarray, length: np.ndarray, size: int, device: torch.device
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Return, each (B, size), the two pixels that a new pixel lies between, and its weight."""
    at = (np.arange(size) + 0.5) * (length[:, None] / size) - 0.5
    at = np.clip(at, 0, length[:, None] - 1)
    low = np.floor(at).astype(np.int64)
    high = np.minimum(low + 1, length[:, None] - 1)
    weight = np.rint((at - low) * _ONE).astype(np.int16)
    first = start[:, None]
    found = (torch.from_numpy(part).to(device) for part in (first + low, first + high, weight))
    low_at, high_at, weights = found
    return low_at, high_at, weights
