"""MobileNetV2: y = x + transform(x) between narrow ends, wide inside, no activation after.

Sandler et al. 2018, "MobileNetV2: inverted residuals and linear bottlenecks", arXiv 1801.04381.
"""

from collections.abc import Callable
from functools import partial
from typing import Protocol

from torch import nn

from plusx import parts
from plusx.errors import InputError
from plusx.parts import conv
from plusx.residual import Residual
from plusx.zoo.network import Family, Network, Options, Range

__all__ = [
    "FAMILIES",
    "STAGES",
    "Activation",
    "Norm",
    "Stem",
    "conv_norm_act",
    "inverted",
    "joined",
    "large_stem",
    "mobilenet_v2",
    "round_channels",
    "small_stem",
    "wide_head",
]

STAGES = (
    (1, 16, 1, 1),
    (6, 24, 2, 2),
    (6, 32, 3, 2),
    (6, 64, 4, 2),
    (6, 96, 3, 1),
    (6, 160, 3, 2),
    (6, 320, 1, 1),
)
"""Expansion t, channels c, blocks n, stride s. Sandler et al. 2018, table 2."""

Activation = Callable[[], nn.Module]
Norm = Callable[[int], nn.Module]


def round_channels(channels: float) -> int:
    """Return the multiple of 8 nearest to `channels`, at least 8 and at least 90% of them.

    The authors' code (`_make_divisible`); the papers do not say how a multiplied width is rounded.

    >>> round_channels(32 * 1.4), round_channels(16 * 0.35)
    (48, 8)
    """
    rounded = max(8, int(channels + 4) // 8 * 8)
    return rounded + 8 if rounded < 0.9 * channels else rounded


def conv_norm_act(layer: nn.Conv2d, norm: Norm, act: Activation) -> nn.Sequential:
    """A convolution with norm and activation after it."""
    return parts.sequence(conv=layer, norm=norm(layer.out_channels), act=act())


def inverted(
    in_channels: int,
    out_channels: int,
    *,
    stride: int,
    expansion: int,
    kernel_size: int = 3,
    act: Activation = nn.ReLU6,
    norm: Norm = nn.BatchNorm2d,
    gate: Callable[[int], nn.Module] | None = None,
) -> nn.Sequential:
    """1x1, BN, act, depthwise / stride, BN, act, [gate], 1x1, BN, `expansion` times as wide inside.

    Sandler et al. 2018, figure 4(d) and table 1. No activation ends it: on few channels one would
    destroy information (section 3.2). At expansion 1 the first 1x1 is left out.
    """
    inner = in_channels * expansion
    depthwise = conv(inner, inner, kernel_size, stride=stride, groups=inner)
    chain = {"depthwise": conv_norm_act(depthwise, norm, act)}
    if expansion != 1:
        chain = {"expand": conv_norm_act(conv(in_channels, inner, 1), norm, act)} | chain
    gates = {"gate": gate(inner)} if gate is not None else {}
    project = parts.sequence(conv=conv(inner, out_channels, 1), norm=norm(out_channels))
    return parts.sequence(**chain, **gates, project=project)


def joined(transform: nn.Module, *, same_shape: bool) -> nn.Module:
    """y = x + transform(x) where the shape stays, else the transform alone: that is no unit.

    Sandler et al. 2018, figure 4(d).
    """
    return Residual(transform) if same_shape else transform


class Stem(Protocol):
    """(B, in_channels, H, W) -> (B, width, H / stride, W / stride), with the network's own norm."""

    def __call__(
        self, in_channels: int, width: int, *, norm: Norm, act: Activation
    ) -> nn.Module: ...


def small_stem(in_channels: int, width: int, *, norm: Norm, act: Activation) -> nn.Sequential:
    """3x3, BN, act: stride 1, for images up to about 64 pixels."""
    return conv_norm_act(conv(in_channels, width, 3), norm, act)


def large_stem(in_channels: int, width: int, *, norm: Norm, act: Activation) -> nn.Sequential:
    """3x3 / 2, BN, act: for photographs. Sandler et al. 2018, table 2."""
    return conv_norm_act(conv(in_channels, width, 3, stride=2), norm, act)


def wide_head(
    in_channels: int, width: int, num_classes: int, *, norm: Norm, act: Activation, dropout: float
) -> nn.Sequential:
    """1x1, BN, act, global average-pool, flatten, dropout, linear."""
    return parts.sequence(
        conv=conv(in_channels, width, 1),
        norm=norm(width),
        act=act(),
        pool=nn.AdaptiveAvgPool2d(1),
        flatten=nn.Flatten(),
        drop=nn.Dropout(dropout),
        linear=nn.Linear(width, num_classes),
    )


def mobilenet_v2(
    *,
    width: float = 1.0,
    stem: Stem = large_stem,
    dropout: float = 0.2,
    num_classes: int = 1000,
    in_channels: int = 3,
) -> Network:
    """3x3 / 2, the inverted blocks of table 2, 1x1 to 1280 channels, linear head; He init.

    Sandler et al. 2018, table 2; `width` multiplies all channels, those of the last 1x1 only where
    it is above one (section 5). Input (B, in_channels, H, W), logits (B, num_classes).
    """
    norm, act = nn.BatchNorm2d, nn.ReLU6
    first = channels = round_channels(32 * width)
    chain = nn.Sequential()
    for expansion, base, blocks, first_stride in STAGES:
        made = round_channels(base * width)
        stage = nn.Sequential()
        for position in range(blocks):
            stride = first_stride if position == 0 else 1
            transform = inverted(channels, made, stride=stride, expansion=expansion)
            stage.append(joined(transform, same_shape=stride == 1 and channels == made))
            channels = made
        chain.append(stage)
    last = round_channels(1280 * max(1.0, width))
    network = Network(
        stem=stem(in_channels, first, norm=norm, act=act),
        stages=chain,
        head=wide_head(channels, last, num_classes, norm=norm, act=act, dropout=dropout),
    )
    parts.he_init(network)
    return network


def mobilenet_v2_percent(percent: int) -> Callable[..., Network]:
    """Return the builder of MobileNetV2 at `percent` of the width, 10 to 400."""
    if not 10 <= percent <= 400:
        raise InputError(f"a width of {percent}% is not one of 10 to 400%")
    return partial(mobilenet_v2, width=percent / 100)


_OPTIONS: Options = {
    "width": Range(0.1, 4),
    "stem": {"small": small_stem, "large": large_stem},
    "dropout": Range(0, 0.9),
}

FAMILIES = (
    Family(
        name="mobilenet-v2",
        paper="Sandler et al. 2018, MobileNetV2: inverted residuals and linear bottlenecks",
        year=2018,
        equation="y = x + transform(x) where the shape stays, else transform(x)",
        good_for="phones and other small machines: a thirteenth of the MACs of resnet50",
        size=224,
        num_classes=1000,
        models={"mobilenet_v2": mobilenet_v2, "mobilenet_v2_140": mobilenet_v2_percent(140)},
        sized={"mobilenet_v2_{}": mobilenet_v2_percent},
        options=_OPTIONS,
        small_size=64,
        deviations=(
            "dropout of 0.2 before the last layer, as in the authors' code; the paper has none",
        ),
    ),
)
