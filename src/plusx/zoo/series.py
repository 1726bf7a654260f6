"""1-D ResNets for sound and time series: y = relu(shortcut(x) + transform(x)) along time.

Wang et al. 2016, "Time series classification from scratch with deep neural networks",
arXiv 1611.06455; and the networks of He et al. 2015, table 1, in one dimension.
"""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Protocol

import torch
from torch import Tensor, nn

from plusx import parts
from plusx.parts import LINE
from plusx.residual import Residual
from plusx.zoo.network import Family, Network

__all__ = ["FAMILIES", "SHORTCUTS", "Shortcut", "mean_head", "resnet1d", "resnet_tsc", "series"]


class Shortcut(Protocol):
    """(B, in_channels, T) -> (B, out_channels, T / stride)."""

    def __call__(self, in_channels: int, out_channels: int, *, stride: int) -> nn.Module: ...


def project(in_channels: int, out_channels: int, *, stride: int) -> nn.Module:
    """Return the identity; 1, BN where the shape changes."""
    if in_channels == out_channels and stride == 1:
        return nn.Identity()
    return parts.sequence(
        conv=_conv(in_channels, out_channels, 1, stride=stride), norm=nn.BatchNorm1d(out_channels)
    )


def norm(in_channels: int, out_channels: int, *, stride: int) -> nn.Module:
    """BN; 1, BN where the shape changes: the authors' code of Wang et al. 2016."""
    if in_channels == out_channels and stride == 1:
        return nn.BatchNorm1d(out_channels)
    return project(in_channels, out_channels, stride=stride)


SHORTCUTS: Mapping[str, Shortcut] = {"project": project, "norm": norm}


def _conv(in_channels: int, out_channels: int, kernel: int, *, stride: int = 1) -> nn.Conv1d:
    return nn.Conv1d(
        in_channels, out_channels, kernel, stride=stride, padding=kernel // 2, bias=False
    )


def _basic(in_channels: int, out_channels: int, *, stride: int) -> nn.Module:
    """3 / stride, BN, ReLU, 3, BN. He et al. 2015, figure 5 left, in one dimension."""
    return parts.sequence(
        conv1=_conv(in_channels, out_channels, 3, stride=stride),
        norm1=nn.BatchNorm1d(out_channels),
        act1=nn.ReLU(),
        conv2=_conv(out_channels, out_channels, 3),
        norm2=nn.BatchNorm1d(out_channels),
    )


def _three(in_channels: int, out_channels: int) -> nn.Module:
    """8, BN, ReLU, 5, BN, ReLU, 3, BN: T stays. Wang et al. 2016, section II.C.

    A kernel of 8 has its odd zero at the end, as "same" has it in the authors' code.
    """
    return parts.sequence(
        pad=nn.ConstantPad1d((3, 4), 0.0),
        conv1=nn.Conv1d(in_channels, out_channels, 8, bias=False),
        norm1=nn.BatchNorm1d(out_channels),
        act1=nn.ReLU(),
        conv2=_conv(out_channels, out_channels, 5),
        norm2=nn.BatchNorm1d(out_channels),
        act2=nn.ReLU(),
        conv3=_conv(out_channels, out_channels, 3),
        norm3=nn.BatchNorm1d(out_channels),
    )


def mean_head(width: int, num_classes: int) -> nn.Module:
    """Mean along the last axis, linear: (B, width, T) -> (B, num_classes) logits."""
    return parts.sequence(
        pool=nn.AdaptiveAvgPool1d(1), flatten=nn.Flatten(), linear=nn.Linear(width, num_classes)
    )


def resnet_tsc(
    *,
    widths: Sequence[int] = (64, 128, 128),
    shortcut: Shortcut = project,
    num_classes: int = 1000,
    in_channels: int = 3,
) -> Network:
    """Three units of relu(shortcut(x) + transform(x)), mean over time, linear: no stem, no stride.

    Wang et al. 2016, figure 1 c and section II.C. Series (B, in_channels, T) of any length.
    """
    chain = nn.Sequential()
    channels = in_channels
    for width in widths:
        unit = Residual(_three(channels, width), shortcut=shortcut(channels, width, stride=1))
        chain.append(parts.sequence(unit=unit, act=nn.ReLU()))
        channels = width
    network = Network(stem=nn.Identity(), stages=chain, head=mean_head(channels, num_classes))
    parts.he_init(network)
    return network


def resnet1d(
    *,
    depths: Sequence[int],
    widths: Sequence[int] = (64, 128, 256, 512),
    num_classes: int = 1000,
    in_channels: int = 3,
) -> Network:
    """7 / 2, BN, ReLU, max-pool / 2, four stages of basic units, mean over time, linear.

    He et al. 2015, table 1, each k x k a k. Series (B, in_channels, T), T at least 32 or so.
    """
    stem = parts.sequence(
        conv=_conv(in_channels, widths[0], 7, stride=2),
        norm=nn.BatchNorm1d(widths[0]),
        act=nn.ReLU(),
        pool=nn.MaxPool1d(3, stride=2, padding=1),
    )
    chain = nn.Sequential()
    channels = widths[0]
    for index, (depth, width) in enumerate(zip(depths, widths, strict=True)):
        stage = nn.Sequential()
        for position in range(depth):
            stride = 2 if index > 0 and position == 0 else 1
            unit = Residual(
                _basic(channels, width, stride=stride),
                shortcut=project(channels, width, stride=stride),
            )
            stage.append(parts.sequence(unit=unit, act=nn.ReLU()))
            channels = width
        chain.append(stage)
    network = Network(stem=stem, stages=chain, head=mean_head(channels, num_classes))
    parts.he_init(network)
    return network


def series(batch: int, in_channels: int, size: int) -> tuple[Tensor, ...]:
    """Return random series (B, C, T) of length `size`."""
    return (torch.randn(batch, in_channels, size),)


_EQUATION = "y = relu(shortcut(x) + transform(x)), x along time"

FAMILIES = (
    Family(
        name="resnet1d",
        paper="He et al. 2015, Deep residual learning for image recognition; here in one dimension",
        year=2015,
        equation=_EQUATION,
        good_for="sound and other long signals: a second of speech at 16 kHz",
        size=16000,
        num_classes=35,
        models={
            "resnet1d18": partial(resnet1d, depths=(2, 2, 2, 2)),
            "resnet1d34": partial(resnet1d, depths=(3, 4, 6, 3)),
        },
        in_channels=1,
        small_size=64,
        inputs=series,
        sample="{0}-channel series of {1} steps",
        space=LINE,
        deviations=("one dimension; no paper has exactly this network",),
    ),
    Family(
        name="resnet-tsc",
        paper="Wang et al. 2016, Time series classification from scratch with deep neural networks",
        year=2016,
        equation=_EQUATION,
        good_for="short time series, one value or several at a time: sensors, heartbeats",
        size=140,
        num_classes=5,
        models={"resnet_tsc": resnet_tsc},
        options={"shortcut": SHORTCUTS},
        in_channels=1,
        small_size=24,
        inputs=series,
        sample="{0}-channel series of {1} steps",
        space=LINE,
        deviations=(
            "convolutions have no bias, since a norm follows",
            "the last unit's shortcut is the identity, as the paper's equations have it; the "
            "authors' code has a norm there (shortcut=norm)",
            "no norm of the input itself: the authors' code has one before the first convolution",
        ),
    ),
)
