"""Highway networks: y = x (1 - T(x)) + T(x) h(x), gates that learn how much of x to carry.

Srivastava et al. 2015, "Highway networks", arXiv 1505.00387, and "Training very deep networks",
arXiv 1507.06228.
"""

import math
from collections.abc import Callable
from functools import partial
from typing import Protocol, final

import torch
from torch import Tensor, nn

from plusx import parts
from plusx.errors import InputError
from plusx.merge import Highway
from plusx.parts import PLANE, VECTOR
from plusx.residual import Residual
from plusx.zoo.mlp import ONE_PLACE, SIZE, Flat
from plusx.zoo.network import Family, Network, Options, Range

__all__ = [
    "FAMILIES",
    "WITHOUT",
    "Coupled",
    "Uncoupled",
    "highway",
    "highway_conv",
    "starting_bias",
]

Layer = Callable[[], nn.Linear | nn.Conv2d]
"""Makes a layer, with bias, that keeps the shape of its input."""


class Carry(Protocol):
    """Makes the transform of a unit: what `merge.Highway` asks for, of layers of one shape."""

    def __call__(self, layer: Layer, *, gate_bias: float) -> nn.Module: ...


@final
class Coupled(nn.Module):
    """t = (T h, T), with h = relu(layer(x)), T = sigmoid(gate(x)).

    Merged by `Highway`, y = x (1 - T) + T h: Srivastava et al. 2015, equation 3. The bias of the
    gate starts at `gate_bias`: below zero, the unit starts as nearly its shortcut.
    (B, C, ...) -> (B, 2C, ...).
    """

    def __init__(self, layer: Layer, *, gate_bias: float) -> None:
        super().__init__()
        self.candidate = parts.sequence(**_layer(layer()))
        self.gate = parts.sequence(layer=_drawn(layer(), bias=gate_bias), act=nn.Sigmoid())

    def forward(self, x: Tensor) -> Tensor:
        gate = self.gate(x)
        return torch.cat((gate * self.candidate(x), gate), 1)


@final
class Uncoupled(nn.Module):
    """t = (T h, 1 - C), with h = relu(layer(x)), T = sigmoid(gate(x)), 1 - C = sigmoid(forget(x)).

    Merged by `Highway`, y = x C + T h: Srivastava et al. 2015, equation 2, the carry gate C apart
    from the transform gate T. Both biases start at `gate_bias`: C near one, T near zero.
    """

    def __init__(self, layer: Layer, *, gate_bias: float) -> None:
        super().__init__()
        self.candidate = parts.sequence(**_layer(layer()))
        self.gate = parts.sequence(layer=_drawn(layer(), bias=gate_bias), act=nn.Sigmoid())
        self.forget = parts.sequence(layer=_drawn(layer(), bias=gate_bias), act=nn.Sigmoid())

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat((self.gate(x) * self.candidate(x), self.forget(x)), 1)


def starting_bias(num_units: int) -> float:
    """Return the bias at which a network of so many units starts with two of them open in all.

    sigmoid(bias) = 2 / num_units, at most -1: within the -10 to -1 that the paper searches for each
    network. At one bias for all, -2, a hundred layers do not learn (measured on the digits).

    >>> [round(starting_bias(n), 1) for n in (9, 49, 99)]
    [-1.3, -3.2, -3.9]
    """
    return min(-1.0, -math.log(num_units / 2 - 1)) if num_units > 2 else -1.0


def highway(depth: int) -> Callable[..., Network]:
    """Linear, ReLU, depth - 1 highway layers of 50 units, linear.

    Srivastava et al. 2015, "Training very deep networks", section 3.1. Returns the builder;
    `ValueError` for a depth below 2.
    """
    if depth < 2:
        raise InputError(f"a highway network has at least 2 hidden layers; {depth} is too few")
    return partial(_highway, depth=depth)


def _highway(
    *,
    depth: int,
    width: int = 50,
    image_size: int = SIZE,
    carry: Carry = Coupled,
    gate_bias: float | None = None,
    num_classes: int = 10,
    in_channels: int = 1,
) -> Network:
    """Build it for square images: (B, in_channels, image_size, image_size) -> (B, num_classes)."""

    def layer() -> nn.Linear:
        return nn.Linear(width, width)

    bias = starting_bias(depth - 1) if gate_bias is None else gate_bias
    return Network(
        stem=parts.sequence(
            flat=Flat(in_channels, image_size),
            **_layer(nn.Linear(in_channels * image_size**2, width), "linear"),
        ),
        stages=nn.Sequential(*(_unit(carry, layer, bias) for _ in range(depth - 1))),
        head=parts.sequence(linear=nn.Linear(width, num_classes)),
        size=image_size,
    )


def highway_conv(
    depth: int, *, widths: tuple[int, int, int] = (32, 80, 128)
) -> Callable[..., Network]:
    """Three stages, each 3x3, ReLU and 3x3 highway layers, between 2x2 max-pools; linear head.

    Srivastava et al. 2015, "Training very deep networks", section 3.2, after FitNet 4: the
    convolution that opens a stage changes the width, so it is no unit. Depth 19 has five highway
    layers a stage; where depth - 4 is no multiple of 3, the first stages have one more. Returns the
    builder; `ValueError` for a depth below 7.
    """
    if depth < 7:
        raise InputError(
            f"a convolutional highway network has 3 + 1 plain layers and at least 3 highway "
            f"layers: depth 7 or more, which {depth} is not"
        )
    more, extra = divmod(depth - 4, 3)
    depths = [more + (stage < extra) for stage in range(3)]
    return partial(_highway_conv, depths=depths, widths=widths)


def _highway_conv(
    *,
    depths: list[int],
    widths: tuple[int, int, int],
    carry: Carry = Coupled,
    gate_bias: float | None = None,
    num_classes: int = 10,
    in_channels: int = 3,
) -> Network:
    """Build it: (B, in_channels, H, W) -> (B, num_classes) logits."""
    bias = starting_bias(sum(depths)) if gate_bias is None else gate_bias
    chain = nn.Sequential()
    channels = in_channels
    for index, (depth, width) in enumerate(zip(depths, widths, strict=True)):
        opening = parts.sequence(**_layer(_conv3x3(channels, width), "conv"))
        units = [_unit(carry, partial(_conv3x3, width, width), bias) for _ in range(depth)]
        pool = [nn.MaxPool2d(2)] if index < 2 else []
        chain.append(nn.Sequential(opening, *units, *pool))
        channels = width
    return Network(stem=nn.Identity(), stages=chain, head=parts.linear_head(channels, num_classes))


def _unit(carry: Carry, layer: Layer, gate_bias: float) -> Residual:
    return Residual(carry(layer, gate_bias=gate_bias), merge=Highway())


def _conv3x3(in_channels: int, out_channels: int) -> nn.Conv2d:
    return nn.Conv2d(in_channels, out_channels, 3, padding=1)


def _layer(layer: nn.Linear | nn.Conv2d, name: str = "layer") -> dict[str, nn.Module]:
    """A layer, the place of a norm, ReLU. A gate has no such place: its bias is its start."""
    space = PLANE if isinstance(layer, nn.Conv2d) else VECTOR
    norm = parts.NoNorm(layer.weight.shape[0], space)
    return {name: _drawn(layer), "norm": norm, "act": nn.ReLU()}


def _drawn(layer: nn.Linear | nn.Conv2d, *, bias: float = 0.0) -> nn.Linear | nn.Conv2d:
    """He initialisation (fan-in); the paper's section 2.2 for the bias of a gate."""
    nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
    assert layer.bias is not None
    nn.init.constant_(layer.bias, bias)
    return layer


_GATES: Options = {
    "carry": {"coupled": Coupled, "uncoupled": Uncoupled},
    "gate_bias": Range(-10, 0),
}
WITHOUT = {
    "shake_drop": "it would scale the gate too, which has to stay between 0 and 1",
    "init=zero-last": "the transform ends in a gate, not in a norm",
}
"""What a family of highways does without."""

_EQUATION = "y = x (1 - T(x)) + T(x) relu(layer(x))"
_BIAS = "gates start at 2 / number of units; the paper searched their bias from -10 to -1"
_RELU = "ReLU and He initialisation throughout; the paper searched activations by network"

FAMILIES = (
    Family(
        name="highway",
        paper="Srivastava et al. 2015, Training very deep networks, section 3.1",
        year=2015,
        equation=_EQUATION,
        good_for="dense networks of a hundred layers and more, trained from scratch",
        size=SIZE,
        num_classes=10,
        models={f"highway{depth}": highway(depth) for depth in (10, 20, 50, 100)},
        sized={"highway{}": highway},
        options={
            "width": Range(1, 8192, whole=True),
            "image_size": Range(1, 512, whole=True),
            **_GATES,
        },
        in_channels=1,
        small_size=SIZE,
        space=VECTOR,
        without={**WITHOUT, **ONE_PLACE},
        deviations=(_RELU, _BIAS),
    ),
    Family(
        name="highway-conv",
        paper="Srivastava et al. 2015, Training very deep networks, section 3.2",
        year=2015,
        equation=_EQUATION,
        good_for="small images without any norm",
        size=32,
        num_classes=10,
        models={
            "highway_conv19": highway_conv(19),
            "highway_conv32": highway_conv(32, widths=(18, 45, 72)),
        },
        sized={"highway_conv{}": highway_conv},
        options=_GATES,
        small_size=8,
        without=WITHOUT,
        deviations=(
            _RELU,
            _BIAS,
            "the paper gives depth and parameters alone: the stages are those of FitNet 4 (32, 80, "
            "128 channels), at depth 32 9/16 as wide for the paper's 1.25 million, all of 3x3 "
            "layers where the paper's alternate 3x3 and 1x1",
            "global average-pool and one linear layer end it, FitNets have maxout units",
        ),
    ),
)
