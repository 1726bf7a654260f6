"""The fourteen operations that automatic augmentation chooses from, each on a batch of images."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from plusx.errors import InputError

__all__ = ["OPERATIONS", "Ranges", "check_images", "enhancements", "operate", "to_bytes"]


@dataclass(frozen=True, kw_only=True)
class Ranges:
    """What an operation does at strength 1 or -1; at strength 0 it does nothing.

    `enhance`: colour, contrast, brightness and sharpness go to the factor 1 - enhance or
    1 + enhance. `shear` is a slope, `rotate` in degrees, `translate` a share of the side, `bits`
    are what posterize keeps of 8.
    """

    enhance: float
    shear: float
    rotate: float
    translate: float
    bits: int


Operation = Callable[[Tensor, Tensor, Ranges, Tensor], Tensor]
"""From bytes (N, C, H, W), signed strengths (N,), ranges and fill (1, C, 1, 1) to other bytes."""


def operate(
    images: Tensor, numbers: Tensor, strengths: Tensor, *, ranges: Ranges, fill: Sequence[int]
) -> Tensor:
    """Do to each image the operation of its own number in OPERATIONS, as strongly as it says.

    uint8 (B, C, H, W) on any device; `numbers` int64 (B,) and `strengths` (B,) from -1 to 1 are on
    the CPU: the images of each operation are gathered, treated as one batch and put back, and
    nothing waits for the device. `fill` is the colour of what comes in from outside.
    """
    kinds = list(OPERATIONS.values())
    colour = torch.tensor(fill, dtype=torch.float32, device=images.device).view(1, -1, 1, 1)
    result = images
    for number in numbers.unique().tolist():
        if kinds[number] is _identity:
            continue
        places = (numbers == number).nonzero().flatten()
        amounts = strengths[places].float().to(images.device)
        places = places.to(images.device)
        group = kinds[number](images.index_select(0, places), amounts, ranges, colour)
        result = result.index_copy(0, places, group)
    return result


def check_images(images: Tensor, fill: Sequence[int] | None = None) -> None:
    """Raise InputError for what is no batch of grey or RGB bytes, or a fill that does not fit."""
    channels = images.shape[1] if images.dim() == 4 else None
    if channels not in (1, 3) or images.dtype != torch.uint8:
        raise InputError(
            f"images have shape {tuple(images.shape)} ({images.dtype}), expected uint8 "
            "(B, C, H, W) with 1 or 3 channels; augment before images are normalised"
        )
    if fill is not None and len(fill) != channels:
        raise InputError(
            f"fill is {tuple(fill)}, expected a byte for each of {channels} channel(s)"
        )


def enhancements() -> Any:
    """Return kornia's module of them; raise InputError where kornia is not installed."""
    try:
        from kornia import enhance
    except ImportError as error:
        raise InputError(
            "colour jitter and automatic augmentation need kornia: pip install 'plusx[train]', or "
            "leave them off"
        ) from error
    return enhance


def to_bytes(values: Tensor) -> Tensor:
    """Round values from 0 to 1 to bytes."""
    return (values * 255).round().clamp(0, 255).to(torch.uint8)


def _identity(images: Tensor, strength: Tensor, ranges: Ranges, fill: Tensor) -> Tensor:
    return images


def _autocontrast(images: Tensor, strength: Tensor, ranges: Ranges, fill: Tensor) -> Tensor:
    """Stretch each channel to 0..255; one of a single colour stays."""
    low = images.amin((2, 3), keepdim=True).float()
    high = images.amax((2, 3), keepdim=True).float()
    stretched = to_bytes((images - low) / (high - low).clamp(min=1))
    return torch.where(high > low, stretched, images)


def _equalize(images: Tensor, strength: Tensor, ranges: Ranges, fill: Tensor) -> Tensor:
    """Spread each channel's histogram evenly: Pillow's `ImageOps.equalize`, to the byte.

    Whole numbers throughout: the same on every device and in every run, which kornia's histogram
    on a GPU does not promise.
    """
    channels = images.flatten(0, 1).flatten(1).long()  # (N C, H W)
    first = 256 * torch.arange(len(channels), device=images.device).view(-1, 1)
    places = (first + channels).flatten()  # flat: sums of many dimensions have no fixed order
    counts = torch.zeros(256 * len(channels), dtype=torch.int64, device=images.device)
    counts = counts.scatter_add(0, places, torch.ones_like(places)).view(-1, 256)
    darker = counts.cumsum(1) - counts  # pixels of each channel that are darker than a level
    step = darker.gather(1, channels.amax(1, keepdim=True)) // 255
    table = ((step // 2 + darker) // step.clamp(min=1)).clamp(max=255)
    table = torch.where(step > 0, table, torch.arange(256, device=images.device))
    return table.flatten().index_select(0, places).to(torch.uint8).view_as(images)


def _posterize(images: Tensor, strength: Tensor, ranges: Ranges, fill: Tensor) -> Tensor:
    """Keep the upper bits."""
    lost = (strength.abs() * (8 - ranges.bits)).round().to(torch.uint8).view(-1, 1, 1, 1)
    return (images >> lost) << lost


def _solarize(images: Tensor, strength: Tensor, ranges: Ranges, fill: Tensor) -> Tensor:
    """Invert what is brighter than a threshold."""
    threshold = 256 * (1 - strength.abs()).view(-1, 1, 1, 1)
    return torch.where(images >= threshold, 255 - images, images)


def _enhancing(name: str) -> Operation:
    """Make an operation of one of kornia's that blends with a factor, as Pillow's do."""

    def operation(images: Tensor, strength: Tensor, ranges: Ranges, fill: Tensor) -> Tensor:
        enhanced = getattr(enhancements(), name)
        return to_bytes(enhanced(images.float() / 255, 1 + ranges.enhance * strength))

    return operation


Move = Callable[[Tensor, Ranges, float], tuple[Any, ...]]
"""From strengths, ranges and height over width to (a, b, c, d, e, f), of which any may be numbers.

What is seen at (x, y) is taken from (a x + b y + c, d x + e y + f), both from -1 to 1 in the image.
"""


def _moving(move: Move) -> Operation:
    """Make an operation of a movement: bilinear, with the fill where the image does not reach."""

    def operation(images: Tensor, strength: Tensor, ranges: Ranges, fill: Tensor) -> Tensor:
        height, width = images.shape[-2:]
        entries = move(strength, ranges, height / width)
        full = [entry + torch.zeros_like(strength) for entry in entries]
        grid = F.affine_grid(
            torch.stack(full, 1).view(-1, 2, 3), list(images.shape), align_corners=False
        )
        # outside, zeros are taken: so the image is a difference from the fill
        moved = F.grid_sample(images.float() - fill, grid, align_corners=False)
        return (moved + fill).round().clamp(0, 255).to(torch.uint8)

    return operation


def _shear_x(strength: Tensor, ranges: Ranges, tall: float) -> tuple[Any, ...]:
    """x + s y in pixels from the upper left corner, as in Pillow."""
    slope = ranges.shear * strength * tall
    return 1, slope, slope, 0, 1, 0


def _shear_y(strength: Tensor, ranges: Ranges, tall: float) -> tuple[Any, ...]:
    slope = ranges.shear * strength / tall
    return 1, 0, 0, slope, 1, slope


def _translate_x(strength: Tensor, ranges: Ranges, tall: float) -> tuple[Any, ...]:
    return 1, 0, 2 * ranges.translate * strength, 0, 1, 0


def _translate_y(strength: Tensor, ranges: Ranges, tall: float) -> tuple[Any, ...]:
    return 1, 0, 0, 0, 1, 2 * ranges.translate * strength


def _rotate(strength: Tensor, ranges: Ranges, tall: float) -> tuple[Any, ...]:
    """About the centre; positive strengths against the clock."""
    angle = torch.deg2rad(ranges.rotate * strength)
    cos, sin = angle.cos(), angle.sin()
    return cos, -sin * tall, 0, sin / tall, cos, 0


OPERATIONS: Mapping[str, Operation] = {
    "identity": _identity,
    "autocontrast": _autocontrast,
    "equalize": _equalize,
    "rotate": _moving(_rotate),
    "solarize": _solarize,
    "colour": _enhancing("adjust_saturation_with_gray_subtraction"),
    "posterize": _posterize,
    "contrast": _enhancing("adjust_contrast_with_mean_subtraction"),
    "brightness": _enhancing("adjust_brightness_accumulative"),
    "sharpness": _enhancing("sharpness"),
    "shear-x": _moving(_shear_x),
    "shear-y": _moving(_shear_y),
    "translate-x": _moving(_translate_x),
    "translate-y": _moving(_translate_y),
}
"""In the order of Cubuk et al. 2019, section 3. A grey image has no colour to change and stays."""
