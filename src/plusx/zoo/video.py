"""Video ResNets: y = relu(shortcut(x) + transform(x)) over time, height and width.

Tran et al. 2017, "A closer look at spatiotemporal convolutions for action recognition",
arXiv 1711.11248. The names are torchvision's.
"""

from collections.abc import Sequence
from functools import partial
from typing import Protocol

import torch
from torch import Tensor, nn

from plusx import parts
from plusx.parts import VOLUME
from plusx.residual import Residual
from plusx.zoo.network import Family, Network

__all__ = ["FAMILIES", "Convolution", "Stride", "clips", "factored", "full", "spatial", "video"]

Stride = tuple[int, int, int]


class Convolution(Protocol):
    """(B, in_channels, T, H, W) -> (B, out_channels, T / stride, H / stride, W / stride)."""

    def __call__(
        self, in_channels: int, out_channels: int, *, stride: Stride, inner: int
    ) -> nn.Module: ...


def _conv(in_channels: int, out_channels: int, kernel: Stride, stride: Stride) -> nn.Conv3d:
    padding = (kernel[0] // 2, kernel[1] // 2, kernel[2] // 2)
    return nn.Conv3d(in_channels, out_channels, kernel, stride=stride, padding=padding, bias=False)


def full(in_channels: int, out_channels: int, *, stride: Stride, inner: int) -> nn.Module:
    """3x3x3: time and space at once; `inner` is not used. Tran et al. 2017, section 3.3, R3D."""
    return _conv(in_channels, out_channels, (3, 3, 3), stride)


def spatial(in_channels: int, out_channels: int, *, stride: Stride, inner: int) -> nn.Module:
    """1x3x3: each frame for itself; `inner` is not used. Tran et al. 2017, section 3.4, MCx."""
    return _conv(in_channels, out_channels, (1, 3, 3), stride)


def factored(in_channels: int, out_channels: int, *, stride: Stride, inner: int) -> nn.Module:
    """1x3x3 to `inner` channels, BN, ReLU, 3x1x1: space, then time.

    Tran et al. 2017, section 3.5, R(2+1)D.
    """
    return parts.sequence(
        space=_conv(in_channels, inner, (1, 3, 3), (1, *stride[1:])),
        norm=nn.BatchNorm3d(inner),
        act=nn.ReLU(),
        time=_conv(inner, out_channels, (3, 1, 1), (stride[0], 1, 1)),
    )


def _inner(in_channels: int, out_channels: int) -> int:
    """M such that 1x3x3 to M and 3x1x1 have the weights of one 3x3x3. Section 3.5."""
    return 27 * in_channels * out_channels // (9 * in_channels + 3 * out_channels)


def _block(in_channels: int, out_channels: int, stride: Stride, conv: Convolution) -> nn.Module:
    """Make a unit of two convolutions and the ReLU after it; both have one `inner`, as the peer."""
    inner = _inner(in_channels, out_channels)
    transform = parts.sequence(
        conv1=conv(in_channels, out_channels, stride=stride, inner=inner),
        norm1=nn.BatchNorm3d(out_channels),
        act1=nn.ReLU(),
        conv2=conv(out_channels, out_channels, stride=(1, 1, 1), inner=inner),
        norm2=nn.BatchNorm3d(out_channels),
    )
    shortcut = None
    if in_channels != out_channels or stride != (1, 1, 1):
        shortcut = parts.sequence(
            conv=_conv(in_channels, out_channels, (1, 1, 1), stride),
            norm=nn.BatchNorm3d(out_channels),
        )
    return parts.sequence(unit=Residual(transform, shortcut=shortcut), act=nn.ReLU())


def full_stem(in_channels: int, width: int) -> nn.Module:
    """3x7x7 / 1x2x2, BN, ReLU. Tran et al. 2017, table 1."""
    return parts.sequence(
        conv=_conv(in_channels, width, (3, 7, 7), (1, 2, 2)),
        norm=nn.BatchNorm3d(width),
        act=nn.ReLU(),
    )


def factored_stem(in_channels: int, width: int) -> nn.Module:
    """1x7x7 / 1x2x2 to 45 channels, BN, ReLU, 3x1x1, BN, ReLU: the 45 are torchvision's."""
    return parts.sequence(
        conv1=_conv(in_channels, 45, (1, 7, 7), (1, 2, 2)),
        norm1=nn.BatchNorm3d(45),
        act1=nn.ReLU(),
        conv2=_conv(45, width, (3, 1, 1), (1, 1, 1)),
        norm2=nn.BatchNorm3d(width),
        act2=nn.ReLU(),
    )


def video(
    *,
    stem: parts.Stem,
    convs: Sequence[Convolution],
    strides: Sequence[Stride],
    depths: Sequence[int] = (2, 2, 2, 2),
    widths: Sequence[int] = (64, 128, 256, 512),
    num_classes: int = 400,
    in_channels: int = 3,
) -> Network:
    """Stem, stages of relu(shortcut(x) + transform(x)), mean over time and space, linear.

    Tran et al. 2017, table 1. Stage i has `depths[i]` units of `convs[i]` and starts with
    `strides[i]`. Clips (B, in_channels, T, H, W), logits (B, num_classes).
    """
    chain = nn.Sequential()
    channels = widths[0]
    for depth, width, conv, stride in zip(depths, widths, convs, strides, strict=True):
        stage = nn.Sequential()
        for position in range(depth):
            stage.append(_block(channels, width, stride if position == 0 else (1, 1, 1), conv))
            channels = width
        chain.append(stage)
    head = parts.sequence(
        pool=nn.AdaptiveAvgPool3d(1),
        flatten=nn.Flatten(),
        linear=nn.Linear(channels, num_classes),
    )
    network = Network(stem=stem(in_channels, widths[0]), stages=chain, head=head)
    parts.he_init(network)
    return network


def clips(batch: int, in_channels: int, size: int) -> tuple[Tensor, ...]:
    """Return random clips (B, C, T, size, size): 16 frames at 112 pixels, fewer for smaller."""
    return (torch.randn(batch, in_channels, max(2, size // 7), size, size),)


_EVERYWHERE: tuple[Stride, ...] = ((1, 1, 1), (2, 2, 2), (2, 2, 2), (2, 2, 2))
_IN_SPACE: tuple[Stride, ...] = ((1, 1, 1), (1, 2, 2), (1, 2, 2), (1, 2, 2))
r3d_18 = partial(video, stem=full_stem, convs=(full,) * 4, strides=_EVERYWHERE)
mc3_18 = partial(video, stem=full_stem, convs=(full, spatial, spatial, spatial), strides=_IN_SPACE)
r2plus1d_18 = partial(video, stem=factored_stem, convs=(factored,) * 4, strides=_EVERYWHERE)

FAMILIES = (
    Family(
        name="video-resnet",
        paper="Tran et al. 2017, A closer look at spatiotemporal convolutions for action "
        "recognition",
        year=2017,
        equation="y = relu(shortcut(x) + transform(x)), x over time, height and width",
        good_for="short video clips: what is done in them, not only what is seen",
        size=112,
        num_classes=400,
        models={"r3d_18": r3d_18, "mc3_18": mc3_18, "r2plus1d_18": r2plus1d_18},
        small_size=28,
        inputs=clips,
        sample="clip of {1} frames of {0}x{2}x{3}",
        space=VOLUME,
        deviations=(
            "both factored convolutions of a unit have the inner width of the first, the stem has "
            "45 inside, as in torchvision; the paper's formula gives each its own, the stem 83",
        ),
    ),
)
