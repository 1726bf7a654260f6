"""Where the channels of a feature lie, and what lies behind them: places in one, two, three axes.

What can be said for any space (a norm, a gate) is written once and asks it for its layers.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import final

from torch import Tensor, nn

__all__ = [
    "LINE",
    "NODES",
    "PLANE",
    "STEPS",
    "TOKENS",
    "VECTOR",
    "VOLUME",
    "ChannelsLast",
    "Space",
    "linear_map",
]

Convolution = Callable[..., nn.Conv1d | nn.Conv2d | nn.Conv3d | nn.Linear]
"""Makes a layer from channels in, channels out and kernel size; more by keyword, as torch's."""


@dataclass(frozen=True)
class Space:
    """The layers for features of one shape.

    `shape` names it, `mean` makes the mean over all places and `halve` a maximum over neighbouring
    places (the identity where there are none). Without `many` places there is nothing to compare,
    without `neighbours` the order of places says nothing. `channels` is their axis, `places`
    are those of the places where channels stand second.
    """

    shape: str
    conv: Convolution
    norm: Callable[[int], nn.BatchNorm1d | nn.BatchNorm2d | nn.BatchNorm3d]
    mean: Callable[[], nn.Module]
    halve: Callable[[], nn.Module]
    places: tuple[int, ...]
    many: bool = True
    neighbours: bool = True
    channels: int = 1

    def over(self, part: nn.Module) -> nn.Module:
        """Return `part`, made for channels in second place, for where they are here."""
        return part if self.channels == 1 else ChannelsLast(part)

    def width(self, feature: Tensor) -> int:
        """Count the channels of a feature."""
        return feature.shape[self.channels]


@final
class ChannelsLast(nn.Module):
    """y = part(x with its channels in second place): (B, N, C) -> (B, N, C)."""

    def __init__(self, part: nn.Module) -> None:
        super().__init__()
        self.part = part

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.part(x.transpose(1, -1))
        return y.transpose(1, -1)


def linear_map(in_channels: int, out_channels: int, kernel_size: int) -> nn.Linear:
    """Make what a 1x1 convolution is to a vector; it has no places for a larger one."""
    assert kernel_size == 1
    return nn.Linear(in_channels, out_channels)


LINE = Space(
    shape="(B, C, T)",
    conv=nn.Conv1d,
    norm=nn.BatchNorm1d,
    mean=partial(nn.AdaptiveAvgPool1d, 1),
    halve=partial(nn.MaxPool1d, 2, ceil_mode=True),
    places=(2,),
)
"""Channels along one axis: sound, series."""

PLANE = Space(
    shape="(B, C, H, W)",
    conv=nn.Conv2d,
    norm=nn.BatchNorm2d,
    mean=partial(nn.AdaptiveAvgPool2d, 1),
    halve=partial(nn.MaxPool2d, 2, ceil_mode=True),
    places=(2, 3),
)
"""Feature maps of images."""

VOLUME = Space(
    shape="(B, C, T, H, W)",
    conv=nn.Conv3d,
    norm=nn.BatchNorm3d,
    mean=partial(nn.AdaptiveAvgPool3d, 1),
    halve=partial(nn.MaxPool3d, (1, 2, 2), ceil_mode=True),  # in space: Wang et al. 2017, 3.3
    places=(2, 3, 4),
)
"""Feature maps of video."""

STEPS = replace(LINE, shape="(B, T, C)", channels=-1)
"""Steps of a sequence, each with its channels."""

NODES = replace(LINE, shape="(B, C, N) of nodes", halve=nn.Identity, neighbours=False)
"""Nodes of a graph, in an order that says nothing."""

TOKENS = replace(NODES, shape="(B, N, C) of tokens", channels=-1)
"""Tokens of a transformer: a set, the class token among the patches."""

VECTOR = Space(
    shape="(B, C)",
    conv=linear_map,
    norm=nn.BatchNorm1d,
    mean=nn.Identity,
    halve=nn.Identity,
    places=(),
    many=False,
    neighbours=False,
)
"""One place: the features of a dense network, or of one step."""
