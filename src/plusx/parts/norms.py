"""Norms that any feature map takes, whatever its number of dimensions: (B, C, ...)."""

import math
from typing import final

import torch
from torch import Tensor, nn

__all__ = ["Bias", "channel_norm", "group_norm", "instance_norm"]


def group_norm(width: int) -> nn.GroupNorm:
    """Normalise each sample over 32 groups of channels, or the most under 32 that divide width.

    Wu and He 2018, "Group normalization".
    """
    return nn.GroupNorm(math.gcd(32, width), width)


def channel_norm(width: int) -> nn.GroupNorm:
    """Normalise each sample over all its channels and places: layer norm for feature maps.

    Ba et al. 2016, "Layer normalization"; one group of Wu and He 2018.
    """
    return nn.GroupNorm(1, width)


def instance_norm(width: int) -> nn.GroupNorm:
    """Normalise each channel of each sample over its places.

    Ulyanov et al. 2016, "Instance normalization"; as many groups as channels of Wu and He 2018.
    """
    return nn.GroupNorm(width, width)


@final
class Bias(nn.Module):
    """y = x + b, one b a channel: what is left where a norm is taken out."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.bias = nn.Parameter(torch.zeros(width))

    def forward(self, x: Tensor) -> Tensor:
        return x + self.bias.view(-1, *(1,) * (x.dim() - 2))
