"""Maps as pictures: over the image they explain, or signed in red and blue. uint8 (3, S, S)."""

import matplotlib
import torch
import torch.nn.functional as F
from torch import Tensor

from plusx.explain.attribution import onto
from plusx.report.pictures import SMALL

__all__ = ["big", "over", "signed"]

LEAST = 256
"""Pixels a side: smaller images are enlarged; those of up to `SMALL`, each pixel a square."""
STRONGEST = 0.01
RED, BLUE = (0.78, 0.1, 0.12), (0.1, 0.33, 0.75)


def big(pixels: Tensor) -> Tensor:
    """Return an image (C, H, W) uint8 in colour, of at least `LEAST` pixels a side."""
    longest = max(pixels.shape[1:])
    colour = pixels.cpu().expand(3, -1, -1)
    if longest >= LEAST:
        return colour
    if longest <= SMALL:
        factor = -(-LEAST // longest)
        return colour.repeat_interleave(factor, 1).repeat_interleave(factor, 2)
    size = [round(side * LEAST / longest) for side in colour.shape[1:]]
    found = F.interpolate(colour[None].float(), size=size, mode="bicubic", align_corners=False)
    return found[0].round().clamp(0, 255).to(torch.uint8)


def over(pixels: Tensor, one: Tensor) -> Tensor:
    """Lay a map (H, W) from 0 on over an image: grey where it is 0, glowing where it is strong.

    The strongest hundredth glows alike: of maps of single pixels nothing else would be seen.
    """
    base = _grey(big(pixels))
    flat = one.detach().float().cpu().flatten()
    full = flat.quantile(1 - STRONGEST) or flat.amax() or flat.new_ones(())
    drawn = (_sized(one, base) / full).clamp(0, 1)
    colours = _coloured(drawn, "inferno")
    share = 0.25 + 0.5 * drawn
    return _bytes(base * (1 - share) + colours * share)


def signed(pixels: Tensor, one: Tensor, limit: float) -> Tensor:
    """Lay a signed map (h, w) over a pale image: red above 0, blue below, full at `limit`."""
    base = 0.5 + 0.5 * _grey(big(pixels))
    drawn = (_sized(one, base) / (limit or 1.0)).clamp(-1, 1)
    red, blue = (torch.tensor(each)[:, None, None] for each in (RED, BLUE))
    colours = red.where(drawn > 0, blue)
    share = 0.9 * drawn.abs()
    return _bytes(base * (1 - share) + colours * share)


def _sized(one: Tensor, like: Tensor) -> Tensor:
    """Bring a map to the size of a picture."""
    return onto(one[None].detach().float().cpu(), (like.shape[1], like.shape[2]))[0]


def _grey(colour: Tensor) -> Tensor:
    weights = torch.tensor([0.299, 0.587, 0.114])[:, None, None]  # Rec. 601
    grey = (colour.float() / 255 * weights).sum(0, keepdim=True)
    return grey.expand(3, -1, -1)


def _coloured(values: Tensor, name: str) -> Tensor:
    table = torch.tensor(matplotlib.colormaps[name](range(256)))[:, :3].float()
    return F.embedding((values * 255).round().long(), table).permute(2, 0, 1)


def _bytes(image: Tensor) -> Tensor:
    return (255 * image).round().clamp(0, 255).to(torch.uint8)
