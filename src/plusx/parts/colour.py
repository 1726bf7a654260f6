"""Colour and brightness of an image, apart: (B, 3, H, W) -> (B, 3, H, W) and (B, 1, H, W).

ITU-R BT.601, section 2.5.1: L = 0.299 R + 0.587 G + 0.114 B.
"""

from collections.abc import Sequence
from fractions import Fraction
from math import fsum, isfinite, lcm
from typing import final

import torch
from torch import Tensor, nn

from plusx.errors import InputError

__all__ = ["REC_601", "Brightness", "Colour", "RGBtoRGBL", "weights_of_normalised"]

REC_601 = (0.299, 0.587, 0.114)
"""What red, green and blue weigh in the brightness of a pixel."""


@final
class Colour(nn.Module):
    """y = x with three channels: a colour image is itself, a grey one is there three times."""

    def forward(self, x: Tensor) -> Tensor:
        _check(x)
        return x if x.shape[1] == 3 else x.expand(-1, 3, -1, -1)


@final
class Brightness(nn.Module):
    """L = G + r (R - G) + b (B - G), which is r R + (1 - r - b) G + b B: three channels to one.

    So written, an image whose channels are equal gives just that channel, in any floating type.
    Bytes are computed in whole numbers and rounded to the nearest, a half upwards. A grey image
    (B, 1, H, W) is itself. Floating images may have any range and get their gradient.

    `weights` of red, green and blue are 0 or more, 1 together (ITU-R BT.601, section 2.5.1).
    """

    def __init__(self, weights: Sequence[float] = REC_601) -> None:
        super().__init__()
        self.red, _, self.blue = _checked(weights)

    def forward(self, x: Tensor) -> Tensor:
        _check(x)
        if x.shape[1] == 1:
            return x
        if x.dtype == torch.uint8:
            return self._of_bytes(x)
        wide = torch.promote_types(x.dtype, torch.float32)
        red, green, blue = x.to(wide).split(1, 1)
        y: Tensor = green + self.red * (red - green) + self.blue * (blue - green)
        return y.to(x.dtype)

    def _of_bytes(self, x: Tensor) -> Tensor:
        # 0.299 is no binary fraction: in thousandths the sum is exact, and so is its half
        r, b = (Fraction(str(w)).limit_denominator(10**6) for w in (self.red, self.blue))
        whole = lcm(r.denominator, b.denominator)
        red, green, blue = x.long().split(1, 1)
        of_red, of_blue = int(r * whole), int(b * whole)
        parts: Tensor = of_red * red + (whole - of_red - of_blue) * green + of_blue * blue
        return ((2 * parts + whole) // (2 * whole)).to(torch.uint8)

    def extra_repr(self) -> str:
        return f"red={self.red:.4g}, blue={self.blue:.4g}"


@final
class RGBtoRGBL(nn.Module):
    """x -> colour (B, 3, H, W) and brightness (B, 1, H, W), each as `Colour`, `Brightness` say.

    uint8 or floating, in colour (B, 3, H, W) or grey (B, 1, H, W): a grey image gives three equal
    channels and itself.

    >>> rgb, l = RGBtoRGBL()(torch.tensor([255, 0, 0], dtype=torch.uint8).view(1, 3, 1, 1))
    >>> rgb.flatten().tolist(), l.item()
    ([255, 0, 0], 76)
    """

    def __init__(self, weights: Sequence[float] = REC_601) -> None:
        super().__init__()
        self.colour = Colour()
        self.brightness = Brightness(weights)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        return self.colour(x), self.brightness(x)


def weights_of_normalised(
    std: Sequence[float], weights: Sequence[float] = REC_601
) -> tuple[float, float, float]:
    """Return w_c std_c over their sum: what channels weigh that were divided by `std`.

    Of images normalised by x_c = (p_c - mean_c) / std_c they give the brightness of the pixels p,
    itself normalised: (L(p) - L(mean)) / sum of w_c std_c. With three equal deviations they are
    `weights` themselves.

    >>> [round(w, 4) for w in weights_of_normalised((0.229, 0.224, 0.225))]
    [0.3035, 0.5828, 0.1137]
    """
    _checked(weights)
    if len(std) != 3 or not all(isfinite(s) and s > 0 for s in std):
        raise InputError(f"the deviations are {tuple(std)}; expected three numbers above 0")
    scaled = [w * s for w, s in zip(weights, std, strict=True)]
    red, green, blue = (s / fsum(scaled) for s in scaled)
    return red, green, blue


def _checked(weights: Sequence[float]) -> Sequence[float]:
    known = len(weights) == 3 and all(isfinite(w) and w >= 0 for w in weights)
    if not known or abs(fsum(weights) - 1) > 1e-6:
        raise InputError(
            f"the weights of red, green and blue are {tuple(weights)}; expected three numbers of 0 "
            f"or more that are 1 together, such as {REC_601}: else grey would not stay as it is"
        )
    return weights


def _check(x: Tensor) -> None:
    if x.dim() != 4 or x.shape[1] not in (1, 3):
        raise InputError(
            f"the images are {tuple(x.shape)}; expected (B, 3, H, W), or (B, 1, H, W) where they "
            "are grey"
        )
    if x.dtype != torch.uint8 and not x.is_floating_point():
        raise InputError(f"the images are {x.dtype}; expected uint8 or a floating type")
