"""Colour jitter: brightness, contrast, saturation and hue of each image changed at random."""

import math

import torch
from torch import Tensor

from plusx.data.operations import check_images, enhancements, to_bytes
from plusx.errors import InputError

__all__ = ["colour_jitter"]


def colour_jitter(
    images: Tensor,
    *,
    brightness: float = 0.0,
    contrast: float = 0.0,
    saturation: float = 0.0,
    hue: float = 0.0,
    generator: torch.Generator,
) -> Tensor:
    """Multiply brightness, contrast and saturation by 1 - s to 1 + s; turn the hue by -h to h.

    Howard 2013, section 2, with torchvision's meaning of the four: strengths s from 0 up (the
    factor is never below 0), h from 0 to 1/2 of the circle of hues. Each image has its own
    factors; the order of the four is drawn once for the batch (torchvision: for each image). Grey
    images have no saturation or hue and keep theirs.

    uint8 (B, C, H, W) to the same, rounded once at the end; a pure function of its arguments and
    of the generator, which is on the CPU.
    """
    check_images(images)
    strengths = {
        "adjust_brightness_accumulative": brightness,
        "adjust_contrast_with_mean_subtraction": contrast,
        "adjust_saturation_with_gray_subtraction": saturation,
        "adjust_hue": hue,
    }
    _check(brightness=brightness, contrast=contrast, saturation=saturation, hue=hue)
    # drawn always, so that the generator's state does not depend on the strengths
    order = torch.randperm(4, generator=generator).tolist()
    drawn = 2 * torch.rand(4, len(images), generator=generator) - 1
    grey = images.shape[1] == 1
    names = [list(strengths)[place] for place in order]
    if not any(strengths.values()):
        return images
    enhance = enhancements()
    values = images.float() / 255
    for name, place in zip(names, order):
        strength = strengths[name]
        if strength == 0 or (grey and place >= 2):
            continue
        shift = strength * drawn[place]
        factor = 2 * math.pi * shift if name == "adjust_hue" else (1 + shift).clamp(min=0)
        values = getattr(enhance, name)(values, factor.to(images.device))
    return to_bytes(values)


def _check(**strengths: float) -> None:
    for name, strength in strengths.items():
        most = 0.5 if name == "hue" else math.inf
        if not 0 <= strength <= most:
            expected = "0 to 0.5" if name == "hue" else "0 or more"
            raise InputError(f"{name} is {strength}, expected {expected}")
