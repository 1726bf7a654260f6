"""Recurrent networks: y = x + LSTM(x) from layer to layer, h + F(h, x) from step to step.

Wu et al. 2016, "Google's neural machine translation system", arXiv 1609.08144; Wang and Tian 2016,
"Recurrent residual learning for sequence classification". Highway LSTM: `zoo/highway_lstm.py`.
"""

import math
from collections.abc import Callable
from functools import partial
from typing import final

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from plusx import parts
from plusx.errors import InputError
from plusx.parts import STEPS, VECTOR
from plusx.residual import Residual
from plusx.zoo.network import Family, Network, Options, Range

__all__ = ["FAMILIES", "LSTM", "Last", "Recurrence", "Step", "residual_lstm", "sequences"]


@final
class LSTM(nn.Module):
    """y = h, with c = f c' + i g, h = o tanh(c), step by step: (B, T, C) stays.

    Hochreiter and Schmidhuber 1997 with the forget gate of Gers et al. 2000: torch's `nn.LSTM`, its
    weights and its kernel, in a module that can also be compiled and exported. What the two tanh
    of candidate and output are exchanged for, torch has no kernel for: it goes step by step. A norm
    stands before the layer, over the whole sequence, as Laurent et al. 2015, "Batch normalized
    recurrent neural networks", leave the way from step to step without one.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.width = width
        bound = 1 / math.sqrt(width)
        self.weight_ih = nn.Parameter(torch.empty(4 * width, width).uniform_(-bound, bound))
        self.weight_hh = nn.Parameter(torch.empty(4 * width, width).uniform_(-bound, bound))
        self.bias_ih = nn.Parameter(torch.empty(4 * width).uniform_(-bound, bound))
        self.bias_hh = nn.Parameter(torch.empty(4 * width).uniform_(-bound, bound))
        self.norm = parts.NoNorm(width, STEPS)
        self.candidate = nn.Tanh()
        self.output = nn.Tanh()

    def forward(self, x: Tensor) -> Tensor:
        x = self.norm(x)
        if not (isinstance(self.candidate, nn.Tanh) and isinstance(self.output, nn.Tanh)):
            return self._step_by_step(x)
        start = x.new_zeros(1, x.shape[0], self.width)
        weights = (self.weight_ih, self.weight_hh, self.bias_ih, self.bias_hh)
        # with biases, one layer, no dropout, one direction, batch first
        y, _, _ = torch.lstm(x, (start, start), weights, True, 1, 0.0, self.training, False, True)
        return y

    def _step_by_step(self, x: Tensor) -> Tensor:
        given = F.linear(x, self.weight_ih, self.bias_ih + self.bias_hh)  # (B, T, 4 C)
        h = c = x.new_zeros(x.shape[0], self.width)
        seen = []
        for now in given.unbind(1):
            i, f, g, o = (now + F.linear(h, self.weight_hh)).chunk(4, -1)
            c = f.sigmoid() * c + i.sigmoid() * self.candidate(g)
            h = o.sigmoid() * self.output(c)
            seen.append(h)
        return torch.stack(seen, 1)

    def extra_repr(self) -> str:
        return f"width={self.width}"


@final
class Step(nn.Module):
    """t = tanh(W h + u): (B, C), (B, C) -> (B, C), with u the input's part, U x + b.

    W starts at zero, the network as a sum over time: what the identity is to a plain RNN in Le et
    al. 2015, "A simple way to initialize recurrent networks of rectified linear units".
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.linear = nn.Linear(width, width, bias=False)
        self.act = nn.Tanh()
        nn.init.zeros_(self.linear.weight)

    def forward(self, h: Tensor, u: Tensor) -> Tensor:
        t: Tensor = self.act(self.linear(h) + u)
        return t


@final
class Recurrence(nn.Module):
    """h[t] = unit(h[t - 1], x[t]), h[0] = 0: (B, T, C) -> (B, T, C), all the h.

    The unit is one and the same at every step; a tape holds its last. A norm stands before it, over
    the whole sequence: h + tanh(W h + norm(U x + b)), as in Laurent et al. 2015.
    """

    def __init__(self, unit: nn.Module, *, width: int) -> None:
        super().__init__()
        self.norm = parts.NoNorm(width, STEPS)
        self.unit = unit

    def forward(self, x: Tensor) -> Tensor:
        x = self.norm(x)
        h = torch.zeros_like(x[:, 0])
        seen = []
        for now in x.unbind(1):
            h = self.unit(h, now)
            seen.append(h)
        return torch.stack(seen, 1)


@final
class Last(nn.Module):
    """y = x at the last step: (B, T, C) -> (B, C)."""

    def forward(self, x: Tensor) -> Tensor:
        return x[:, -1]


def _network(stages: nn.Sequential, *, width: int, num_classes: int, in_channels: int) -> Network:
    """Linear, the stages, the last step, linear: (B, T, in_channels) -> (B, num_classes)."""
    return Network(
        stem=parts.sequence(linear=nn.Linear(in_channels, width)),
        stages=stages,
        head=parts.sequence(last=Last(), linear=nn.Linear(width, num_classes)),
    )


def residual_lstm(layers: int) -> Callable[..., Network]:
    """Linear, `layers` units of x + LSTM(x), the last step, linear.

    Wu et al. 2016, section 3.1, equation 6. Returns the builder; `ValueError` for no layer.
    """
    if layers < 1:
        raise InputError(f"a residual LSTM has at least 1 layer; {layers} is too few")
    return partial(_residual_lstm, layers=layers)


def _residual_lstm(
    *, layers: int, width: int = 128, num_classes: int = 1000, in_channels: int = 3
) -> Network:
    stages = nn.Sequential(*(Residual(LSTM(width)) for _ in range(layers)))
    return _network(stages, width=width, num_classes=num_classes, in_channels=in_channels)


def _residual_rnn(*, width: int = 128, num_classes: int = 1000, in_channels: int = 3) -> Network:
    stages = nn.Sequential(Recurrence(Residual(Step(width)), width=width))
    return _network(stages, width=width, num_classes=num_classes, in_channels=in_channels)


def sequences(batch: int, in_channels: int, size: int) -> tuple[Tensor, ...]:
    """Return random sequences (B, T, F) of `size` steps."""
    return (torch.randn(batch, size, in_channels),)


_WITHOUT = {"init=zero-last": "a recurrent transform ends in an activation, not in a norm"}
_OPTIONS: Options = {"width": Range(1, 8192, whole=True)}

FAMILIES = (
    Family(
        name="residual-lstm",
        paper="Wu et al. 2016, Google's neural machine translation system, section 3.1",
        year=2016,
        equation="y = x + LSTM(x)",
        good_for="sequences of up to some hundred steps: text, gestures, sensors",
        size=28,
        num_classes=10,
        models={f"residual_lstm{layers}": residual_lstm(layers) for layers in (2, 4, 8)},
        sized={"residual_lstm{}": residual_lstm},
        options=_OPTIONS,
        in_channels=28,
        small_size=5,
        inputs=sequences,
        sample="sequence of {} steps with {} features",
        space=STEPS,
        without=_WITHOUT,
        deviations=(
            "the paper translates; here the last step labels the sequence, at 128 channels",
            "every layer is a unit, as in Prakash et al. 2016; the paper's first two are not",
            "Kim et al. 2017 mean another network by the name: their shortcut is inside the cell",
        ),
    ),
    Family(
        name="residual-rnn",
        paper="Wang and Tian 2016, Recurrent residual learning for sequence classification",
        year=2016,
        equation="h = h + tanh(W h + U x + b), step by step",
        good_for="seeing a residual network in time: one unit, applied at every step",
        size=28,
        num_classes=10,
        models={"residual_rnn": _residual_rnn},
        options=_OPTIONS,
        in_channels=28,
        small_size=5,
        inputs=sequences,
        sample="sequence of {} steps with {} features",
        space=VECTOR,
        without=_WITHOUT,
        deviations=("one layer in F, and W starts at zero",),
    ),
)
