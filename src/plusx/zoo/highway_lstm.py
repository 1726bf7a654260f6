"""Highway LSTM: c = d c_below + (f c' + i g), a gate between the memory cells of two layers.

Zhang et al. 2015, "Highway long short-term memory RNNs for distant speech recognition",
arXiv 1510.08983.
"""

from collections.abc import Callable
from functools import partial
from typing import final

import torch
from torch import Tensor, nn

from plusx import parts
from plusx.errors import InputError
from plusx.merge import Highway
from plusx.parts import STEPS, VECTOR
from plusx.residual import Residual
from plusx.zoo.highway import WITHOUT
from plusx.zoo.network import Family, Network, Options, Range
from plusx.zoo.recurrent import sequences

__all__ = ["FAMILIES", "DepthGated", "HighwayLayer", "Layer", "Memory", "Output", "highway_lstm"]


@final
class Memory(nn.Module):
    """m = f c + i g: what the cell keeps of itself and takes from x. All (B, C).

    i = sigmoid(W x + U h + w c + b), f alike, g = tanh(W x + U h + b), from the hidden state h and
    the cell c of the step before.
    """

    def __init__(self, in_channels: int, width: int) -> None:
        super().__init__()
        self.input = nn.Linear(in_channels, 3 * width)
        self.state = nn.Linear(width, 3 * width, bias=False)
        self.peephole = nn.Parameter(torch.zeros(2 * width))
        self.act = nn.Tanh()

    def forward(self, x: Tensor, h: Tensor, c: Tensor) -> Tensor:
        i, f, g = (self.input(x) + self.state(h)).chunk(3, -1)
        see_i, see_f = self.peephole.chunk(2)
        m: Tensor = torch.sigmoid(f + see_f * c) * c + torch.sigmoid(i + see_i * c) * self.act(g)
        return m


@final
class Output(nn.Module):
    """h = sigmoid(W x + U h' + w c + b) tanh(c): the hidden state of a new cell c. All (B, C)."""

    def __init__(self, in_channels: int, width: int) -> None:
        super().__init__()
        self.input = nn.Linear(in_channels, width)
        self.state = nn.Linear(width, width, bias=False)
        self.peephole = nn.Parameter(torch.zeros(width))
        self.act = nn.Tanh()

    def forward(self, c: Tensor, x: Tensor, h: Tensor) -> Tensor:
        gate = torch.sigmoid(self.input(x) + self.state(h) + self.peephole * c)
        y: Tensor = gate * self.act(c)
        return y


@final
class DepthGated(nn.Module):
    """t = (m, 1 - d), with m = memory(x, h, c), d = sigmoid(W x + w c + v below + b).

    Merged by `Highway`, y = d below + m: the depth gate of Zhang et al. 2015. `below` is the cell
    of the layer below at this step; the context is that layer's hidden state x, and this layer's h
    and c of the step before. (B, C) -> (B, 2C).
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.memory = Memory(width, width)
        self.depth_gate = nn.Linear(width, width)
        self.peephole = nn.Parameter(torch.zeros(2 * width))

    def forward(self, below: Tensor, x: Tensor, h: Tensor, c: Tensor) -> Tensor:
        see_c, see_below = self.peephole.chunk(2)
        depth = self.depth_gate(x) + see_c * c + see_below * below
        return torch.cat((self.memory(x, h, c), torch.sigmoid(-depth)), -1)


@final
class Layer(nn.Module):
    """c = memory(x, h', c'), h = output(c, x, h'): (B, T, F) -> (B, T, 2C), h and c side by side.

    The first layer, which has no cells below: an LSTM with peepholes.
    """

    def __init__(self, in_channels: int, width: int) -> None:
        super().__init__()
        self.width = width
        self.memory = Memory(in_channels, width)
        self.output = Output(in_channels, width)

    def forward(self, x: Tensor) -> Tensor:
        h = c = x.new_zeros(x.shape[0], self.width)
        seen = []
        for now in x.unbind(1):
            c = self.memory(now, h, c)
            h = self.output(c, now, h)
            seen.append(torch.cat((h, c), -1))
        return torch.stack(seen, 1)


@final
class HighwayLayer(nn.Module):
    """c = unit(c_below, h_below, h', c'), h = output(c, h_below, h'): (B, T, 2C) stays.

    The unit is one and the same at every step; a tape holds its last. A norm stands on the hidden
    state that comes from below, over the whole sequence, as in Laurent et al. 2015, "Batch
    normalized recurrent neural networks".
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.width = width
        self.norm = parts.NoNorm(width, STEPS)
        self.unit = Residual(DepthGated(width), merge=Highway())
        self.output = Output(width, width)

    def forward(self, x: Tensor) -> Tensor:
        from_below, cells = x.chunk(2, -1)
        h = c = x.new_zeros(x.shape[0], self.width)
        seen = []
        for hidden, below in zip(self.norm(from_below).unbind(1), cells.unbind(1), strict=True):
            c = self.unit(below, hidden, h, c)
            h = self.output(c, hidden, h)
            seen.append(torch.cat((h, c), -1))
        return torch.stack(seen, 1)


@final
class LastHidden(nn.Module):
    """y = h of the last step: (B, T, 2C) -> (B, C)."""

    def forward(self, x: Tensor) -> Tensor:
        return x[:, -1].chunk(2, -1)[0]


def highway_lstm(layers: int) -> Callable[..., Network]:
    """One LSTM layer, `layers` - 1 highway LSTM layers, the last hidden state, linear.

    Zhang et al. 2015. Returns the builder; `ValueError` for fewer than two layers.
    """
    if layers < 2:
        raise InputError(f"a highway LSTM has at least 2 layers; {layers} is too few")
    return partial(_highway_lstm, layers=layers)


def _highway_lstm(
    *, layers: int, width: int = 128, num_classes: int = 1000, in_channels: int = 3
) -> Network:
    """Sequences (B, T, in_channels), logits (B, num_classes)."""
    return Network(
        stem=Layer(in_channels, width),
        stages=nn.Sequential(*(HighwayLayer(width) for _ in range(layers - 1))),
        head=parts.sequence(last=LastHidden(), linear=nn.Linear(width, num_classes)),
    )


_OPTIONS: Options = {"width": Range(1, 8192, whole=True)}

FAMILIES = (
    Family(
        name="highway-lstm",
        paper="Zhang et al. 2015, Highway long short-term memory RNNs for distant speech "
        "recognition",
        year=2015,
        equation="c = d c_below + f c' + i g, h = o tanh(c), step by step",
        good_for="deep stacks of LSTM layers, whose cells a gate connects",
        size=28,
        num_classes=10,
        models={f"highway_lstm{layers}": highway_lstm(layers) for layers in (3, 5, 8)},
        sized={"highway_lstm{}": highway_lstm},
        options=_OPTIONS,
        in_channels=28,
        small_size=5,
        inputs=sequences,
        sample="sequence of {} steps with {} features",
        space=VECTOR,
        without=WITHOUT,
        deviations=(
            "no projection after the cell, one direction, 128 channels",
            "the paper labels every step; here the last step labels the sequence",
        ),
    ),
)
