"""Norms for any feature: each is made from the number of channels and the space they lie in."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import final

import torch
from torch import Tensor, nn

from plusx.parts.space import PLANE, Space

__all__ = [
    "NORMS",
    "Bias",
    "InstanceNorm",
    "NoNorm",
    "Norm",
    "batch_norm",
    "group_norm",
    "instance_norm",
    "layer_norm",
    "no_norm",
]


def batch_norm(width: int, space: Space = PLANE) -> nn.Module:
    """Normalise each channel over the batch and all places.

    Ioffe and Szegedy 2015, "Batch normalization".
    """
    return space.over(space.norm(width))


def group_norm(width: int, space: Space = PLANE) -> nn.Module:
    """Normalise each sample over groups of channels and all places.

    Wu and He 2018, "Group normalization": 32 groups, or the most under 32 (a power of two) that
    divide the width; never a group of one channel, which would be instance norm.
    """
    groups = math.gcd(32, width)
    return space.over(nn.GroupNorm(groups // 2 if groups == width > 1 else groups, width))


def layer_norm(width: int, space: Space = PLANE) -> nn.Module:
    """Normalise each sample over all its channels; where they come second, over its places too.

    Ba et al. 2016, "Layer normalization"; for feature maps the one group of Wu and He 2018, for
    steps and tokens each of them by itself.
    """
    return nn.GroupNorm(1, width) if space.channels == 1 else nn.LayerNorm(width)


def instance_norm(width: int, space: Space = PLANE) -> nn.Module:
    """Normalise each channel of each sample over its places.

    Ulyanov et al. 2016, "Instance normalization". Of a single place nothing is left but the bias.
    """
    return space.over(InstanceNorm(width))


def no_norm(width: int, space: Space = PLANE) -> nn.Module:
    """Add a bias, all that is left where a norm is taken out."""
    return space.over(Bias(width))


@final
class InstanceNorm(nn.GroupNorm):
    """y = (x - mean) / std, scaled and shifted, with as many groups as channels.

    Wu and He 2018, section 3.1. (B, C, ...) -> (B, C, ...); one place of one sample is no error, as
    it is to torch, which asks so for the sake of batch norms.
    """

    def __init__(self, width: int) -> None:
        super().__init__(width, width)

    def forward(self, x: Tensor) -> Tensor:
        return torch.group_norm(x, self.num_groups, self.weight, self.bias, self.eps)


@final
class Bias(nn.Module):
    """y = x + b, one b a channel: (B, C, ...) -> (B, C, ...)."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.bias = nn.Parameter(torch.zeros(width))

    def forward(self, x: Tensor) -> Tensor:
        return x + self.bias.view(-1, *(1,) * (x.dim() - 2))


@final
class NoNorm(nn.Module):
    """y = x: where a network without norms gets one when it is asked for."""

    def __init__(self, width: int, space: Space = PLANE) -> None:
        super().__init__()
        self.width = width
        self.space = space

    def forward(self, x: Tensor) -> Tensor:
        return x


@dataclass(frozen=True)
class Norm:
    """What makes a norm for a width in a space, and the norms that are of the kind already."""

    make: Callable[[int, Space], nn.Module]
    kept: tuple[type[nn.Module], ...] = ()


NORMS: Mapping[str, Norm] = {
    "batch": Norm(batch_norm, kept=(nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d)),
    "group": Norm(group_norm),
    "layer": Norm(layer_norm, kept=(nn.LayerNorm,)),
    "instance": Norm(instance_norm),
    "none": Norm(no_norm, kept=(NoNorm,)),
}
"""The norms by name."""
