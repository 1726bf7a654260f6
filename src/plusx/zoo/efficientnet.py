"""EfficientNet: y = x + transform(x), inverted and gated, depth, width and size scaled together.

Tan and Le 2019, "EfficientNet: rethinking model scaling for convolutional neural networks",
arXiv 1905.11946.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Literal

from torch import nn

from plusx import parts
from plusx.branch import ATTENTION, SE, DropPath, Gate
from plusx.errors import InputError
from plusx.zoo.mobilenet import (
    Norm,
    Stem,
    inverted,
    joined,
    large_stem,
    round_channels,
    small_stem,
    wide_head,
)
from plusx.zoo.network import Family, Network, Options, Range

__all__ = ["FAMILIES", "RELEASED", "STAGES", "Scaling", "compound_scaling", "efficientnet"]

STAGES = (
    (1, 3, 1, 16, 1),
    (6, 3, 2, 24, 2),
    (6, 5, 2, 40, 2),
    (6, 3, 2, 80, 3),
    (6, 5, 1, 112, 3),
    (6, 5, 2, 192, 4),
    (6, 3, 1, 320, 1),
)
"""Expansion, kernel, stride, channels, blocks of B0. Tan and Le 2019, table 1."""


@dataclass(frozen=True)
class Scaling:
    """How many times as deep and wide as B0 a network is, and for images of how many pixels."""

    depth: float
    width: float
    size: int


def compound_scaling(phi: float) -> Scaling:
    """Return depth 1.2^phi, width 1.1^phi, size 224 * 1.15^phi: twice the MACs for each phi.

    Tan and Le 2019, equation 3 and section 4: 1.2 * 1.1^2 * 1.15^2 is about 2.

    >>> compound_scaling(1)
    Scaling(depth=1.2, width=1.1, size=258)
    """
    return Scaling(1.2**phi, 1.1**phi, round(224 * 1.15**phi))


RELEASED = {
    0: (Scaling(1.0, 1.0, 224), 0.2),
    1: (Scaling(1.1, 1.0, 240), 0.2),
    2: (Scaling(1.2, 1.1, 260), 0.3),
    3: (Scaling(1.4, 1.2, 300), 0.3),
    4: (Scaling(1.8, 1.4, 380), 0.4),
    5: (Scaling(2.2, 1.6, 456), 0.4),
    6: (Scaling(2.6, 1.8, 528), 0.5),
    7: (Scaling(3.1, 2.0, 600), 0.5),
}
"""Scaling and dropout of B0 to B7 in the authors' code: phi 0, 0.5, 1, 2, 3.5, 5, 6, 7, rounded."""


def late_norm(width: int) -> nn.BatchNorm2d:
    """Batch norm as in the authors' code: epsilon 0.001, momentum 0.01."""
    return nn.BatchNorm2d(width, eps=1e-3, momentum=0.01)


def squeezed(channels: int) -> Gate:
    """SE a quarter as wide inside as the block's input, whatever it gates. The authors' code."""
    return partial(SE, inner=max(1, channels // 4), activation=nn.SiLU)


def efficientnet(
    *,
    scaling: Scaling,
    dropout: float,
    norm: Norm = nn.BatchNorm2d,
    stem: Stem = large_stem,
    attention: Callable[[int], Gate | None] = squeezed,
    drop_path: float = 0.2,
    drop_path_mode: Literal["sample", "batch"] = "sample",
    num_classes: int = 1000,
    in_channels: int = 3,
) -> Network:
    """3x3 / 2, the inverted blocks of table 1 with SE, 1x1 to four times the width, linear head.

    Tan and Le 2019, table 1, SiLU throughout. `attention` makes the gate behind the depthwise
    convolution from the channels of the block's input. Block i of n is left out in training with
    probability `drop_path` * i / n (from 0; section 5.2). Input (B, in_channels, H, W), logits
    (B, num_classes).
    """
    depths = [math.ceil(blocks * scaling.depth) for *_, blocks in STAGES]
    first = channels = round_channels(32 * scaling.width)
    chain, number = nn.Sequential(), 0
    for (expansion, kernel_size, first_stride, base, _), depth in zip(STAGES, depths, strict=True):
        made = round_channels(base * scaling.width)
        stage = nn.Sequential()
        for position in range(depth):
            stride = first_stride if position == 0 else 1
            same_shape = stride == 1 and channels == made
            transform: nn.Module = inverted(
                channels,
                made,
                stride=stride,
                expansion=expansion,
                kernel_size=kernel_size,
                act=nn.SiLU,
                norm=norm,
                gate=attention(channels),
            )
            if same_shape:
                rate = drop_path * number / sum(depths)
                transform = DropPath(transform, rate, mode=drop_path_mode)
            stage.append(joined(transform, same_shape=same_shape))
            channels, number = made, number + 1
        chain.append(stage)
    network = Network(
        stem=stem(in_channels, first, norm=norm, act=nn.SiLU),
        stages=chain,
        head=wide_head(
            channels, 4 * channels, num_classes, norm=norm, act=nn.SiLU, dropout=dropout
        ),
        size=scaling.size,
    )
    parts.he_init(network)
    return network


def efficientnet_phi(phi: int) -> Callable[..., Network]:
    """Return the builder of the network that `compound_scaling(phi)` gives, unrounded.

    Dropout grows evenly from 0.2 at 0 to 0.5 at 7, about as the released ones'. `ValueError` for a
    phi above 10: each doubles the MACs.
    """
    if phi > 10:
        raise InputError(f"phi is {phi}; expected 0 to 10, since each doubles the MACs")
    return partial(
        efficientnet,
        scaling=compound_scaling(phi),
        dropout=min(0.5, 0.2 + 0.3 * phi / 7),
        norm=late_norm,
    )


def _released(number: int) -> Callable[..., Network]:
    scaling, dropout = RELEASED[number]
    norm = late_norm if number >= 5 else nn.BatchNorm2d
    return partial(efficientnet, scaling=scaling, dropout=dropout, norm=norm)


def _whatever_the_input(gate: Gate | None) -> Callable[[int], Gate | None]:
    return lambda channels: gate


_ATTENTION = {name: _whatever_the_input(gate) for name, gate in ATTENTION.items()}
_OPTIONS: Options = {
    "attention": {**_ATTENTION, "se": squeezed},
    "stem": {"small": small_stem, "large": large_stem},
    "dropout": Range(0, 0.9),
    "drop_path": Range(0, 0.95),
    "drop_path_mode": {"sample": "sample", "batch": "batch"},
}

FAMILIES = (
    Family(
        name="efficientnet",
        paper="Tan and Le 2019, EfficientNet: rethinking model scaling for convolutional neural "
        "networks",
        year=2019,
        equation="y = x + transform(x) where the shape stays, else transform(x)",
        good_for="photographs at the fewest MACs for an accuracy, in eight sizes",
        size=224,
        num_classes=1000,
        models={f"efficientnet_b{number}": _released(number) for number in RELEASED},
        sized={"efficientnet_phi{}": efficientnet_phi},
        options=_OPTIONS,
        small_size=64,
        deviations=(
            "depth, width and size as the authors released them, rounded and from B5 on less deep "
            "than 1.2^phi (efficientnet_phi{} has the formula's)",
            "batch norm with torch's epsilon and momentum up to B4, the authors' 0.001 and 0.01 "
            "from B5 on: so are torchvision's weights",
            "depthwise filters are drawn for a fan-out over all channels, as in torchvision; the "
            "authors' code divides it by the groups",
        ),
    ),
)
