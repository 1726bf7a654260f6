"""Stems: from the image to the first stage."""

from typing import Protocol

from torch import nn

from plusx.parts.basics import conv, sequence

__all__ = ["Stem", "deep_stem", "large_stem", "small_stem"]


class Stem(Protocol):
    """(B, in_channels, H, W) -> (B, width, H / stride, W / stride)."""

    def __call__(self, in_channels: int, width: int) -> nn.Module: ...


def small_stem(in_channels: int, width: int) -> nn.Sequential:
    """3x3, BN, ReLU: stride 1, for images up to about 64 pixels.

    He et al. 2015, section 4.2.
    """
    return sequence(conv=conv(in_channels, width, 3), norm=nn.BatchNorm2d(width), act=nn.ReLU())


def large_stem(in_channels: int, width: int) -> nn.Sequential:
    """7x7 / 2, BN, ReLU, 3x3 max-pool / 2: stride 4, for photographs.

    He et al. 2015, table 1.
    """
    return sequence(
        conv=conv(in_channels, width, 7, stride=2),
        norm=nn.BatchNorm2d(width),
        act=nn.ReLU(),
        pool=nn.MaxPool2d(3, stride=2, padding=1),
    )


def deep_stem(in_channels: int, width: int) -> nn.Sequential:
    """3x3 / 2, 3x3, 3x3, each with BN and ReLU, 3x3 max-pool / 2: stride 4.

    He et al. 2018, "Bag of tricks", ResNet-C: three 3x3 (width / 2, width / 2, width) for one 7x7.
    """
    half = width // 2
    return sequence(
        conv1=conv(in_channels, half, 3, stride=2),
        norm1=nn.BatchNorm2d(half),
        act1=nn.ReLU(),
        conv2=conv(half, half, 3),
        norm2=nn.BatchNorm2d(half),
        act2=nn.ReLU(),
        conv3=conv(half, width, 3),
        norm3=nn.BatchNorm2d(width),
        act3=nn.ReLU(),
        pool=nn.MaxPool2d(3, stride=2, padding=1),
    )
