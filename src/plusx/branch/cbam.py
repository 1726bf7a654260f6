"""Convolutional block attention: which channels, then which places."""

from typing import final

import torch
from torch import Tensor, nn

from plusx.parts import PLANE, Space, sequence

__all__ = ["CBAM"]


@final
class ChannelGate(nn.Module):
    """y = x * sigmoid(mlp(mean(x)) + mlp(max(x))), a weight a channel, one MLP for both.

    Woo et al. 2018, "CBAM", equation 2; the width inside is C / 16. The two vectors go through
    the MLP as the two pixels of one map. (B, C, H, W) -> (B, C, H, W).
    """

    def __init__(self, width: int, *, reduction: int, space: Space) -> None:
        super().__init__()
        self.places = space.places
        inner = max(1, width // reduction)
        self.mlp = sequence(
            reduce=space.conv(width, inner, 1), act=nn.ReLU(), expand=space.conv(inner, width, 1)
        )
        self.gate = nn.Sigmoid()

    def forward(self, x: Tensor) -> Tensor:
        mean, largest = x.mean(self.places, keepdim=True), x.amax(self.places, keepdim=True)
        both = self.mlp(torch.cat([mean, largest], dim=2))  # (B, C, 2, 1)
        y: Tensor = x * self.gate(both.sum(2, keepdim=True))
        return y


@final
class PlaceGate(nn.Module):
    """y = x * sigmoid(BN(conv7x7([mean(x); max(x)]))), a weight a place, both over the channels.

    Woo et al. 2018, "CBAM", equation 3. The norm is that of the authors' code, which the equation
    leaves out. (B, C, H, W) -> (B, C, H, W).
    """

    def __init__(self, *, space: Space) -> None:
        super().__init__()
        self.weigh = sequence(
            conv=space.conv(2, 1, 7, padding=3, bias=False), norm=space.norm(1), gate=nn.Sigmoid()
        )

    def forward(self, x: Tensor) -> Tensor:
        both = torch.cat([x.mean(1, keepdim=True), x.amax(1, keepdim=True)], dim=1)
        y: Tensor = x * self.weigh(both)
        return y


@final
class CBAM(nn.Module):
    """y = place_gate(channel_gate(x)).

    Woo et al. 2018, "CBAM: convolutional block attention module", equation 1.
    (B, C, H, W) -> (B, C, H, W), or what `space` says, with as many sevens as it has axes.
    `ValueError` where its places have no neighbours.
    """

    def __init__(self, width: int, *, reduction: int = 16, space: Space = PLANE) -> None:
        super().__init__()
        if not space.neighbours:
            raise ValueError(f"CBAM looks at neighbouring places, and in {space.shape} are none")
        self.channel = ChannelGate(width, reduction=reduction, space=space)
        self.place = PlaceGate(space=space)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.place(self.channel(x))
        return y
