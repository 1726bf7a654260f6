"""What hybrid attention is made of: weights of channels and of places, strengths, fusions."""

from collections.abc import Callable, Mapping
from typing import Protocol, final

import torch
from torch import Tensor, nn

from plusx.branch.largest import LargestOfChannels, LargestOfPlaces
from plusx.branch.rows import RowByRow
from plusx.parts import Space, sequence

__all__ = [
    "ChannelWeights",
    "Factor",
    "FixedStrength",
    "Fusion",
    "PlaceWeights",
    "Strength",
    "StrengthOfInput",
    "Weights",
    "channel_first",
    "parallel",
    "place_first",
]


class Weights(Protocol):
    """Makes w(x, mean) between 0 and 1 for a width: a weight a channel or a weight a place."""

    def __call__(self, width: int, /, *, space: Space) -> nn.Module: ...


class Strength(Protocol):
    """Makes s(mean) between -1 and 1 for a width, zero at first: how strongly a part applies."""

    def __call__(self, width: int, /) -> nn.Module: ...


@final
class ChannelWeights(nn.Module):
    """w = sigmoid(W2 (relu(W1 mean(x)) + relu(W1 max(x)))), a weight a channel.

    The two squeezes and the shared excitation of Woo et al. 2018, "CBAM", equation 2; W2 is linear,
    so the sum is taken before it. The width inside is C / 16, at least 4 and at most 8, and there
    are no biases: more would be over a hundredth of a network's parameters where it is 2048 wide,
    or 16. W1 and W2 are products of vectors: as 1x1 convolutions, inference of a ResNet-18 spends
    a thirtieth of its time in starting them (LOG.md). (B, C, H, W) -> (B, C, 1, 1).
    """

    def __init__(self, width: int, *, inner: int | None = None, space: Space) -> None:
        super().__init__()
        if not space.many:
            raise ValueError(f"mean and maximum are taken over places, and {space.shape} has one")
        self.largest = LargestOfPlaces(space.places)
        inner = min(max(width // 16, 4), 8) if inner is None else inner
        self.reduce = nn.Linear(width, inner, bias=False)
        self.act = nn.ReLU()
        self.expand = nn.Linear(inner, width, bias=False)
        self.gate = nn.Sigmoid()

    def forward(self, x: Tensor, mean: Tensor) -> Tensor:
        both = torch.stack([mean.flatten(1), self.largest(x).flatten(1)], dim=1)  # (B, 2, C)
        weights: Tensor = self.gate(self.expand(self.act(self.reduce(both)).sum(1)))
        return weights.view_as(mean)


@final
class PlaceWeights(nn.Module):
    """w = sigmoid(BN(conv7x7([mean(x); max(x)]))), a weight a place, both over the channels.

    Woo et al. 2018, "CBAM", equation 3, with the norm of the authors' code: without it the sigmoid
    ends at 0 or 1 everywhere in deep stages (LOG.md). (B, C, H, W) -> (B, 1, H, W). `ValueError`
    where places have no neighbours.
    """

    def __init__(self, width: int, *, space: Space) -> None:
        super().__init__()
        if not space.neighbours:
            raise ValueError(
                f"a weight a place looks at neighbouring places, and in {space.shape} are none"
            )
        flat = space.conv is nn.Conv2d
        conv = RowByRow(2, kernel_size=7) if flat else space.conv(2, 1, 7, padding=3, bias=False)
        self.largest = LargestOfChannels()
        self.weigh = sequence(conv=conv, norm=space.norm(1), gate=nn.Sigmoid())

    def forward(self, x: Tensor, mean: Tensor) -> Tensor:
        both = torch.cat([x.mean(1, keepdim=True), self.largest(x)], dim=1)
        weights: Tensor = self.weigh(both)
        return weights


@final
class StrengthOfInput(nn.Module):
    """s = tanh(v mean(x) + b), one number an input, zero at first."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.linear = nn.Linear(width, 1)
        nn.init.zeros_(self.linear.weight)
        nn.init.zeros_(self.linear.bias)

    def forward(self, mean: Tensor) -> Tensor:
        found = torch.tanh(self.linear(mean.flatten(1)))  # (B, 1)
        return found.view_as(mean[:, :1])


@final
class FixedStrength(nn.Module):
    """s = tanh(b), one learned number for all inputs, zero at first."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.start = nn.Parameter(torch.zeros(()))

    def forward(self, mean: Tensor) -> Tensor:
        return torch.tanh(self.start)


@final
class Factor(nn.Module):
    """f = skip + (1 - skip + s(mean)) w(x, mean): what a part multiplies x by.

    With the whole skip, 1, it is 1 + s w, which is 1 at first and never below zero: x and x times
    the attention. Without, 0, it is (1 + s) w, an ordinary gate.
    """

    def __init__(self, weights: nn.Module, strength: nn.Module, *, skip: float) -> None:
        super().__init__()
        self.weights = weights
        self.strength = strength
        self.skip = skip

    def forward(self, x: Tensor, mean: Tensor) -> Tensor:
        factor: Tensor = self.skip + (1 - self.skip + self.strength(mean)) * self.weights(x, mean)
        return factor


@final
class InTurn(nn.Module):
    """y = x f1(x), then y f2(y): each part sees what those before it have left."""

    def __init__(self, factors: Mapping[str, nn.Module]) -> None:
        super().__init__()
        for name, factor in factors.items():
            self.add_module(name, factor)

    def forward(self, x: Tensor, mean: Tensor) -> Tensor:
        for factor in self.children():
            x = x * factor(x, mean)
        return x


@final
class Together(nn.Module):
    """y = x f1(x) f2(x): all parts see x itself."""

    def __init__(self, factors: Mapping[str, nn.Module]) -> None:
        super().__init__()
        for name, factor in factors.items():
            self.add_module(name, factor)

    def forward(self, x: Tensor, mean: Tensor) -> Tensor:
        y = x
        for factor in self.children():
            y = y * factor(x, mean)
        return y


Fusion = Callable[[Mapping[str, nn.Module]], nn.Module]
"""Makes y(x, mean) from the factors, of which there may be none: channel, then place."""


def channel_first(factors: Mapping[str, nn.Module]) -> InTurn:
    """Weigh channels, then places."""
    return InTurn(factors)


def place_first(factors: Mapping[str, nn.Module]) -> InTurn:
    """Weigh places, then channels."""
    return InTurn(dict(reversed([*factors.items()])))


def parallel(factors: Mapping[str, nn.Module]) -> Together:
    """Weigh channels and places, both by x itself."""
    return Together(factors)
