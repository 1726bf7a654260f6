"""Dense networks: every pixel to every channel, with and without shortcuts.

He et al. 2015, section 3.2, where equations 1 and 2 are written for fully connected layers.
"""

from collections.abc import Callable
from functools import partial
from typing import final

from torch import Tensor, nn

from plusx import parts
from plusx.errors import InputError
from plusx.parts import VECTOR
from plusx.residual import Residual
from plusx.zoo.network import NO_UNITS, Family, Network, Options, Range

__all__ = [
    "FAMILIES",
    "ONE_PLACE",
    "Flat",
    "dense",
    "dense_init",
    "dense_transform",
    "mlp",
    "residual_mlp",
]

SIZE = 28


@final
class Flat(nn.Module):
    """y = x as one row of numbers: (B, C, size, size) -> (B, C size size).

    Raises `ValueError` for images of another shape: the next layer has a weight for each number.
    """

    def __init__(self, in_channels: int, size: int) -> None:
        super().__init__()
        self.shape = (in_channels, size, size)

    def forward(self, x: Tensor) -> Tensor:
        if tuple(x.shape[1:]) != self.shape:
            raise ValueError(
                f"a dense network for images of {self.shape} got {tuple(x.shape[1:])}; build it "
                "with their in_channels and image_size"
            )
        return x.flatten(1)

    def extra_repr(self) -> str:
        return f"shape={self.shape}"


def dense(in_features: int, width: int) -> nn.Sequential:
    """Linear, ReLU: (B, in_features) -> (B, width)."""
    return parts.sequence(
        linear=nn.Linear(in_features, width), norm=parts.NoNorm(width, VECTOR), act=nn.ReLU()
    )


def dense_transform(width: int) -> nn.Sequential:
    """Linear, ReLU, linear. He et al. 2015, section 3.2: F = W2 relu(W1 x)."""
    return parts.sequence(
        linear1=nn.Linear(width, width),
        norm1=parts.NoNorm(width, VECTOR),
        act1=nn.ReLU(),
        linear2=nn.Linear(width, width),
        norm2=parts.NoNorm(width, VECTOR),
    )


def _mlp(
    *, layers: int, width: int, image_size: int = SIZE, num_classes: int = 10, in_channels: int = 3
) -> Network:
    """Flatten, then `layers` - 1 times linear and ReLU, linear; He initialisation."""
    numbers = in_channels * image_size**2
    network = Network(
        stem=parts.sequence(flat=Flat(in_channels, image_size)),
        stages=nn.Sequential(*(dense(width if i else numbers, width) for i in range(layers - 1))),
        head=parts.sequence(linear=nn.Linear(width, num_classes)),
        size=image_size,
    )
    dense_init(network)
    return network


def _residual_mlp(
    *, layers: int, width: int, image_size: int = SIZE, num_classes: int = 10, in_channels: int = 3
) -> Network:
    """Flatten, linear, ReLU, units of two linear layers, linear; He initialisation."""
    stages = nn.Sequential()
    for _ in range((layers - 2) // 2):
        unit = Residual(dense_transform(width))
        stages.append(parts.sequence(unit=unit, act=nn.ReLU()))
    network = Network(
        stem=parts.sequence(
            flat=Flat(in_channels, image_size),
            linear=nn.Linear(in_channels * image_size**2, width),
            norm=parts.NoNorm(width, VECTOR),
            act=nn.ReLU(),
        ),
        stages=stages,
        head=parts.sequence(linear=nn.Linear(width, num_classes)),
        size=image_size,
    )
    dense_init(network)
    return network


def mlp(layers: int, width: int) -> Callable[..., Network]:
    """`layers` linear layers, ReLU between, `width` channels inside: no shortcut, so no unit.

    Returns the builder; `ValueError` for fewer than two layers or no channel.
    """
    if layers < 2 or width < 1:
        raise InputError(f"mlp{layers}_{width} needs two layers and one channel or more")
    return partial(_mlp, layers=layers, width=width)


def residual_mlp(layers: int, width: int) -> Callable[..., Network]:
    """One linear layer, units of two, one more: y = relu(x + W2 relu(W1 x)), 2n + 2 layers.

    He et al. 2015, section 3.2, equation 1. Returns the builder; `ValueError` for an odd number of
    layers, fewer than four, or no channel.
    """
    if layers < 4 or layers % 2 or width < 1:
        raise InputError(
            f"residual_mlp{layers}_{width} needs an even number of layers, four or more, and one "
            "channel or more"
        )
    return partial(_residual_mlp, layers=layers, width=width)


def dense_init(network: nn.Module) -> None:
    """Draw each linear layer from N(0, 2 / fan_in), without bias.

    He et al. 2015, "Delving deep into rectifiers", equation 10.
    """
    for module in network.modules():
        if isinstance(module, nn.Linear):
            nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
            nn.init.zeros_(module.bias)


ONE_PLACE = {
    "norm=instance": "an instance norm compares the places of a channel, and a vector has one"
}
"""What a family of networks of vectors does without."""

_OPTIONS: Options = {"image_size": Range(1, 512, whole=True)}

FAMILIES = (
    Family(
        name="mlp",
        paper="Rumelhart et al. 1986, Learning representations by back-propagating errors",
        year=1986,
        equation="y = relu(W x)",
        good_for="a baseline: what a network without convolutions makes of the data",
        size=SIZE,
        num_classes=10,
        models={
            f"mlp{layers}_{width}": mlp(layers, width) for layers, width in ((3, 512), (8, 512))
        },
        sized={"mlp{}_{}": mlp},
        options=_OPTIONS,
        in_channels=1,
        small_size=SIZE,
        without={**NO_UNITS, **ONE_PLACE},
        deviations=("ReLU and He initialisation, which are younger than the paper",),
    ),
    Family(
        name="residual-mlp",
        paper="He et al. 2015, Deep residual learning for image recognition, section 3.2",
        year=2015,
        equation="y = relu(x + W2 relu(W1 x))",
        good_for="seeing what the shortcut does where nothing else is in the way",
        size=SIZE,
        num_classes=10,
        models={"residual_mlp8_512": residual_mlp(8, 512)},
        sized={"residual_mlp{}_{}": residual_mlp},
        options=_OPTIONS,
        in_channels=1,
        small_size=SIZE,
        space=VECTOR,
        without=ONE_PLACE,
    ),
)
