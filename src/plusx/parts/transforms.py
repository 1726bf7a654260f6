"""Transforms of the post-activation unit: the last activation stands outside, after the sum."""

from typing import Protocol

from torch import nn

from plusx.parts.basics import conv, sequence

__all__ = ["Transform", "basic", "bottleneck", "bottleneck_2015"]


class Transform(Protocol):
    """(B, in_channels, H, W) -> (B, out_channels, H / stride, W / stride)."""

    def __call__(self, in_channels: int, out_channels: int, *, stride: int) -> nn.Module: ...


def basic(in_channels: int, out_channels: int, *, stride: int) -> nn.Sequential:
    """3x3 / stride, BN, ReLU, 3x3, BN.

    He et al. 2015, figure 5 left.
    """
    return sequence(
        conv1=conv(in_channels, out_channels, 3, stride=stride),
        norm1=nn.BatchNorm2d(out_channels),
        act1=nn.ReLU(),
        conv2=conv(out_channels, out_channels, 3),
        norm2=nn.BatchNorm2d(out_channels),
    )


def bottleneck(
    in_channels: int,
    out_channels: int,
    *,
    stride: int,
    inner: int | None = None,
    groups: int = 1,
) -> nn.Sequential:
    """1x1, BN, ReLU, 3x3 / stride, BN, ReLU, 1x1, BN, with a quarter of the width inside.

    He et al. 2015, figure 5 right, with the stride in the 3x3 as in the authors' later Torch code
    (known as v1.5): the 1x1 of the paper would skip three quarters of its input. `inner` is
    another width inside, `groups` splits its 3x3.
    """
    return _bottleneck(in_channels, inner or out_channels // 4, out_channels, (1, stride), groups)


def bottleneck_2015(in_channels: int, out_channels: int, *, stride: int) -> nn.Sequential:
    """1x1 / stride, BN, ReLU, 3x3, BN, ReLU, 1x1, BN: the stride where the paper has it.

    He et al. 2015, figure 5 right and the authors' Caffe models.
    """
    return _bottleneck(in_channels, out_channels // 4, out_channels, (stride, 1), 1)


def _bottleneck(
    in_channels: int, inner: int, out_channels: int, strides: tuple[int, int], groups: int
) -> nn.Sequential:
    return sequence(
        conv1=conv(in_channels, inner, 1, stride=strides[0]),
        norm1=nn.BatchNorm2d(inner),
        act1=nn.ReLU(),
        conv2=conv(inner, inner, 3, stride=strides[1], groups=groups),
        norm2=nn.BatchNorm2d(inner),
        act2=nn.ReLU(),
        conv3=conv(inner, out_channels, 1),
        norm3=nn.BatchNorm2d(out_channels),
    )
