"""Automatic augmentation: operations chosen at random for each image, RandAugment and Trivial."""

from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Tensor

from plusx.data.operations import OPERATIONS, Ranges, check_images, operate
from plusx.errors import InputError

__all__ = ["rand_augment", "trivial_augment"]

_USUAL = Ranges(enhance=0.9, shear=0.3, rotate=30.0, translate=0.45, bits=4)
_WIDE = Ranges(enhance=0.99, shear=0.99, rotate=135.0, translate=1.0, bits=2)
_WIDE_PIXELS = 32
_LEVELS = 30


def rand_augment(
    images: Tensor,
    *,
    magnitude: float,
    fill: Sequence[int],
    generator: torch.Generator,
    count: int = 2,
    deviation: float = 0.0,
    probability: float = 1.0,
) -> Tensor:
    """Do `count` operations to each image, each at strength `magnitude` / 10.

    Cubuk et al. 2019, "RandAugment", section 3: each drawn evenly from the fourteen, for each image
    anew, and its direction with probability 1/2. `magnitude` is on the paper's scale, 0 to 10
    (torchvision's goes to 30), and 10 is the end of torchvision's ranges. `deviation` is that of a
    normal distribution around the magnitude, cut at 0 and 10, and `probability` that of each
    operation to be done at all: in timm, where Wightman et al. 2021 trained, 0.5 and 0.5.

    uint8 (B, C, H, W), grey or RGB, to the same; a pure function of its arguments and of the
    generator, which is on the CPU. `fill` is the colour of what comes in from outside.
    """
    check_images(images, fill)
    for name, value, holds, expected in (
        ("magnitude", magnitude, 0 <= magnitude <= 10, "0 to 10"),
        ("count", count, count >= 0, "0 or more operations"),
        ("deviation", deviation, deviation >= 0, "0 or more"),
        ("probability", probability, 0 <= probability <= 1, "0 to 1"),
    ):
        if not holds:
            raise InputError(f"{name} of RandAugment is {value}, expected {expected}")
    shape = count, len(images)
    numbers = torch.randint(len(OPERATIONS), shape, generator=generator)
    noise = torch.randn(shape, generator=generator)
    done = torch.rand(shape, generator=generator) < probability
    strengths = (magnitude + deviation * noise).clamp(0, 10) / 10 * _signs(shape, generator)
    for chosen, strength in zip(numbers * done, strengths):  # number 0 does nothing
        images = operate(images, chosen, strength, ranges=_USUAL, fill=fill)
    return images


def trivial_augment(images: Tensor, *, fill: Sequence[int], generator: torch.Generator) -> Tensor:
    """Do one operation to each image, at a strength drawn evenly from 0, 1/30, ..., 1.

    Müller and Hutter 2021, "TrivialAugment", section 3, with the ranges of its "wide" space: up to
    135 degrees, 32 pixels (here at most the whole image), a slope of 0.99, factors from 0.01 to
    1.99, and 2 bits.

    uint8 (B, C, H, W), grey or RGB, to the same; a pure function of its arguments and of the
    generator, which is on the CPU. `fill` is the colour of what comes in from outside.
    """
    check_images(images, fill)
    batch = len(images)
    numbers = torch.randint(len(OPERATIONS), (batch,), generator=generator)
    levels = torch.randint(_LEVELS + 1, (batch,), generator=generator)
    strengths = levels / _LEVELS * _signs((batch,), generator)
    ranges = replace(_WIDE, translate=min(1.0, _WIDE_PIXELS / images.shape[-1]))
    return operate(images, numbers, strengths, ranges=ranges, fill=fill)


def _signs(shape: tuple[int, ...], generator: torch.Generator) -> Tensor:
    """Draw 1 or -1 for each."""
    return 1 - 2 * torch.randint(2, shape, generator=generator)
