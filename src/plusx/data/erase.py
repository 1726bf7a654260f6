"""A part of each image hidden: cutout and random erasing, whole batches at a time."""

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from plusx.errors import InputError

__all__ = ["cutout", "erase"]

_TRIES = 10  # as in torchvision and timm; an image for which none fits stays whole


def cutout(images: Tensor, *, size: int, fill: Sequence[int], generator: torch.Generator) -> Tensor:
    """Fill a square of `size` pixels a side, centred anywhere in the image, clipped at its borders.

    DeVries and Taylor 2017, section 3.2: its centre is any pixel of the image, so that some squares
    lie partly outside. uint8 (B, C, H, W); `fill` has a value a channel (the mean is zero after
    normalisation, as there). The generator may be on another device.
    """
    _check(images, fill)
    if size < 0:
        raise InputError(f"size is {size}, expected 0 or more pixels")
    height, width = images.shape[-2:]
    top = _integers(len(images), height, generator) - size // 2
    left = _integers(len(images), width, generator) - size // 2
    inside = _boxes(images, top, top + size, left, left + size)
    return torch.where(inside, _colour(images, fill), images)


def erase(
    images: Tensor,
    *,
    probability: float,
    fill: Sequence[int] | None,
    generator: torch.Generator,
    area: tuple[float, float] = (0.02, 1 / 3),
    aspect: tuple[float, float] = (0.3, 1 / 0.3),
) -> Tensor:
    """Fill a rectangle within the image, of random area and aspect, with probability `probability`.

    Zhong et al. 2017, algorithm 1. `area` is a share of the image's, `aspect` height over width.
    The largest area is 1/3 (timm, torchvision; 0.4 there), and aspects are drawn evenly in their
    logarithm, so that wide and high boxes are as frequent. `fill` is a value a channel; None is
    noise, every byte equally likely. uint8 (B, C, H, W); the generator is on the CPU.
    """
    _check(images, fill)
    _check_ranges(probability, area, aspect)
    batch = len(images)
    top, bottom, left, right = _rectangles(images, area, aspect, generator)
    kept = torch.rand(batch, 1, generator=generator, device=generator.device) >= probability
    bottom = torch.where(kept, top, bottom)  # a box without rows
    inside = _boxes(images, top, bottom, left, right)
    if fill is not None:
        return torch.where(inside, _colour(images, fill), images)
    # no more noise than is seen: its amount is known before the device has made the boxes
    channels = images.shape[1]
    count = int(((bottom - top) * (right - left)).sum()) * channels
    noise = torch.randint(
        256, (count,), generator=generator, device=generator.device, dtype=torch.uint8
    )
    return images.masked_scatter(inside.expand_as(images), noise.to(images.device))


def _rectangles(
    images: Tensor,
    area: tuple[float, float],
    aspect: tuple[float, float],
    generator: torch.Generator,
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Draw top, bottom, left and right (B, 1) of boxes that lie in the image."""
    batch, _, height, width = images.shape
    source = generator.device
    drawn = torch.rand(4, batch, _TRIES, generator=generator, device=source, dtype=torch.float64)
    areas = (area[0] + (area[1] - area[0]) * drawn[0]) * height * width
    low, high = math.log(aspect[0]), math.log(aspect[1])
    aspects = (low + (high - low) * drawn[1]).exp()
    rows = (areas * aspects).sqrt().round().long()
    columns = (areas / aspects).sqrt().round().long()
    fits = (rows < height) & (columns < width)
    first = fits.int().argmax(1, keepdim=True)  # the first try that fits, or the first of all
    fits, rows, columns = (each.gather(1, first) for each in (fits, rows, columns))
    rows, columns = rows * fits, columns * fits
    down, across = (each.gather(1, first) for each in drawn[2:])
    top = (down * (height - rows + 1)).long()
    left = (across * (width - columns + 1)).long()
    return top, top + rows, left, left + columns


def _boxes(images: Tensor, top: Tensor, bottom: Tensor, left: Tensor, right: Tensor) -> Tensor:
    """Return which pixels (B, 1, H, W) are in their image's box, on the images' device."""
    height, width = images.shape[-2:]
    edges = torch.stack([top, bottom, left, right]).to(images.device)  # one transfer
    y, x = (torch.arange(side, device=images.device) for side in (height, width))
    rows = (y >= edges[0]) & (y < edges[1])  # (B, H)
    columns = (x >= edges[2]) & (x < edges[3])
    return (rows[:, :, None] & columns[:, None, :]).unsqueeze(1)


def _integers(batch: int, high: int, generator: torch.Generator) -> Tensor:
    return torch.randint(high, (batch, 1), generator=generator, device=generator.device)


def _colour(images: Tensor, fill: Sequence[int]) -> Tensor:
    return torch.tensor(fill, dtype=images.dtype, device=images.device).view(1, -1, 1, 1)


def _check(images: Tensor, fill: Sequence[int] | None) -> None:
    if images.dim() != 4 or images.dtype != torch.uint8:
        raise InputError(
            f"images have shape {tuple(images.shape)} ({images.dtype}), expected uint8 "
            "(B, C, H, W); hide parts of images before they are normalised"
        )
    if fill is not None and len(fill) != images.shape[1]:
        raise InputError(
            f"fill is {tuple(fill)}, expected a byte for each of {images.shape[1]} channel(s)"
        )


def _check_ranges(
    probability: float, area: tuple[float, float], aspect: tuple[float, float]
) -> None:
    for name, value, holds, expected in (
        ("probability", probability, 0 <= probability <= 1, "0 to 1"),
        ("area", area, 0 < area[0] <= area[1] <= 1, "two rising shares of the image, 0 to 1"),
        ("aspect", aspect, 0 < aspect[0] <= aspect[1], "two rising numbers above 0"),
    ):
        if not holds:
            raise InputError(f"{name} is {value}, expected {expected}")
