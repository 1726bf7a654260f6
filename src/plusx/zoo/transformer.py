"""Transformers: y = x + attention(norm(x)), then y = x + mlp(norm(x)); ViT for images.

Vaswani et al. 2017, "Attention is all you need"; norms first: Xiong et al. 2020, "On layer
normalization in the transformer architecture"; images: Dosovitskiy et al. 2020, "An image is worth
16x16 words", arXiv 2010.11929. The names are timm's.
"""

from collections.abc import Callable
from functools import partial
from typing import final

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from plusx import parts
from plusx.errors import InputError
from plusx.merge import Scaled
from plusx.parts import TOKENS
from plusx.residual import Residual
from plusx.zoo.network import Family, Network, Options, Range

__all__ = ["FAMILIES", "Attend", "First", "Patches", "block", "vit"]


@final
class Attend(nn.Module):
    """y = softmax(q k' / sqrt(d)) v, head by head: (B, N, 3 C) -> (B, N, C).

    Vaswani et al. 2017, equation 1 and section 3.2.2. x holds queries, keys and values side by
    side, each of `heads` heads of d channels.
    """

    def __init__(self, heads: int) -> None:
        super().__init__()
        self.heads = heads

    def forward(self, x: Tensor) -> Tensor:
        q, k, v = x.unflatten(-1, (3, self.heads, -1)).permute(2, 0, 3, 1, 4).unbind(0)
        return F.scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(2)

    def extra_repr(self) -> str:
        return f"heads={self.heads}"


@final
class Patches(nn.Module):
    """y = [token, patches W] + position: (B, C, size, size) -> (B, 1 + (size / patch)^2, width).

    Dosovitskiy et al. 2020, equation 1. Raises `ValueError` for images of another size: the
    positions are learned, one by one.
    """

    def __init__(self, in_channels: int, width: int, *, patch: int, size: int) -> None:
        super().__init__()
        if not 1 <= patch <= size or size % patch:
            raise InputError(f"patches of {patch} pixels do not fill images of {size}")
        self.size = size
        self.conv = nn.Conv2d(in_channels, width, patch, stride=patch)
        self.token = nn.Parameter(torch.empty(1, 1, width).normal_(0, 1e-6))
        self.position = nn.Parameter(torch.empty(1, 1 + (size // patch) ** 2, width))
        nn.init.trunc_normal_(self.position, std=0.02)

    def forward(self, x: Tensor) -> Tensor:
        if x.shape[2:] != (self.size, self.size):
            given = "x".join(map(str, x.shape[2:]))
            raise ValueError(
                f"this ViT has learned positions for images of {self.size}x{self.size}, not "
                f"{given}; resize the images or build it with their image_size"
            )
        patches = self.conv(x).flatten(2).transpose(1, 2)
        tokens = torch.cat([self.token.expand(x.shape[0], -1, -1), patches], dim=1)
        return tokens + self.position


@final
class First(nn.Module):
    """y = x at the first place: (B, N, C) -> (B, C)."""

    def forward(self, x: Tensor) -> Tensor:
        return x[:, 0]


_norm = partial(nn.LayerNorm, eps=1e-6)


def attention(width: int, heads: int) -> nn.Module:
    """LN, linear to queries, keys and values, attention, linear: (B, N, width) stays."""
    if width % heads:
        raise ValueError(f"{heads} heads do not divide a width of {width}")
    return parts.sequence(
        norm=_norm(width),
        qkv=nn.Linear(width, 3 * width),
        attend=Attend(heads),
        project=nn.Linear(width, width),
    )


def mlp(width: int, inner: int) -> nn.Module:
    """LN, linear, GELU, linear: (B, N, width) stays."""
    return parts.sequence(
        norm=_norm(width),
        linear1=nn.Linear(width, inner),
        act=nn.GELU(),
        linear2=nn.Linear(inner, width),
    )


def block(width: int, heads: int, *, layer_scale: float | None = None) -> nn.Sequential:
    """y = x + attention(x), then y = x + mlp(x): two units. (B, N, width) stays.

    Dosovitskiy et al. 2020, equations 2 and 3. `layer_scale` puts a learned scale a channel, that
    starts there, on both transforms: Touvron et al. 2021, "Going deeper with image transformers".
    """
    return nn.Sequential(
        *(
            Residual(
                transform,
                merge=None if layer_scale is None else Scaled(layer_scale, shape=(width,)),
            )
            for transform in (attention(width, heads), mlp(width, 4 * width))
        )
    )


def vit(
    *,
    width: int,
    heads: int,
    patch: int,
    image_size: int,
    depth: int = 12,
    layer_scale: float | None = None,
    num_classes: int = 1000,
    in_channels: int = 3,
) -> Network:
    """Patches with token and position, `depth` blocks of two units, LN, the token, linear.

    Dosovitskiy et al. 2020, table 1. Square images of `image_size`, logits (B, num_classes).
    """
    network = Network(
        stem=Patches(in_channels, width, patch=patch, size=image_size),
        stages=nn.Sequential(*(block(width, heads, layer_scale=layer_scale) for _ in range(depth))),
        head=parts.sequence(norm=_norm(width), token=First(), linear=nn.Linear(width, num_classes)),
        size=image_size,
    )
    for module in network.modules():
        if isinstance(module, nn.Linear):
            nn.init.trunc_normal_(module.weight, std=0.02)
            nn.init.zeros_(module.bias)
    return network


_SIZES: dict[str, Callable[..., Network]] = {
    "tiny": partial(vit, width=192, heads=3),
    "small": partial(vit, width=384, heads=6),
    "base": partial(vit, width=768, heads=12),
}


def _named(word: str) -> Callable[[int, int], Callable[..., Network]]:
    """Return a function from the sides of a patch and of an image to the builder."""
    return lambda patch, size: partial(_SIZES[word], patch=patch, image_size=size)


_WITHOUT = {"init=zero-last": "both transforms end in a linear layer, not in a norm"}
_OPTIONS: Options = {"image_size": Range(1, 1024, whole=True), "layer_scale": Range(1e-6, 1)}
_PAPER = "Dosovitskiy et al. 2020, An image is worth 16x16 words"
_EQUATION = "y = x + attention(norm(x)), y = x + mlp(norm(x))"
_DRAWN = (
    "all linear layers are drawn from a normal distribution of 0.02, the head too, and patches as "
    "torch draws a convolution; the authors' code has Xavier's for the layers, queries, keys and "
    "values each by its own width, LeCun's for patches, and a head of zeros"
)

FAMILIES = (
    Family(
        name="vit",
        paper=_PAPER,
        year=2020,
        equation=_EQUATION,
        good_for="photographs, with much data or with weights that others have trained",
        size=224,
        num_classes=1000,
        models={f"vit_{word}_patch16_224": _named(word)(16, 224) for word in _SIZES},
        sized={f"vit_{word}_patch{{}}_{{}}": _named(word) for word in _SIZES},
        options=_OPTIONS,
        small_size=224,
        space=TOKENS,
        without=_WITHOUT,
        deviations=(
            "tiny and small are DeiT's (Touvron et al. 2020); no dropout, the head is one layer",
            _DRAWN,
        ),
    ),
    Family(
        name="vit-small-images",
        paper=_PAPER,
        year=2020,
        equation=_EQUATION,
        good_for="small images, to see how a transformer compares",
        size=32,
        num_classes=10,
        models={f"vit_{word}_patch4_32": _named(word)(4, 32) for word in ("tiny", "small")},
        options=_OPTIONS,
        small_size=32,
        space=TOKENS,
        without=_WITHOUT,
        deviations=("the paper has no network for 32 pixels; no dropout", _DRAWN),
    ),
)
