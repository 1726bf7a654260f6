"""The largest of x over its places or its channels, whose gradient is cheap in training."""

from typing import final

import torch.nn.functional as F
from torch import Tensor, nn

__all__ = ["LargestOfChannels", "LargestOfPlaces"]

# What amax finds in evaluation is pooled in training: pooling remembers where it was, and amax
# looks for it again in its gradient, which takes two to three times as long (LOG.md). Of two that
# are equal the first gets the gradient, where amax shares it out.


@final
class LargestOfPlaces(nn.Module):
    """y = max over places: (B, C, H, W) -> (B, C, 1, 1), and so of one axis of places or three."""

    def __init__(self, places: tuple[int, ...]) -> None:
        super().__init__()
        self.places = places

    def forward(self, x: Tensor) -> Tensor:
        if not self.training:
            return x.amax(self.places, keepdim=True)
        found = F.adaptive_max_pool1d(x.flatten(2), 1)  # (B, C, 1)
        return found[(..., *[None] * (len(self.places) - 1))]


@final
class LargestOfChannels(nn.Module):
    """y = max over channels: (B, C, H, W) -> (B, 1, H, W), and so of one axis of places or three.

    To pooling, the places are channels, and the channels what it pools.
    """

    def forward(self, x: Tensor) -> Tensor:
        if not self.training:
            return x.amax(1, keepdim=True)
        found = F.adaptive_max_pool1d(x.flatten(2).transpose(1, 2), 1)  # (B, places, 1)
        return found.reshape(x[:, :1].shape)
