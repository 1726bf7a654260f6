"""VGG: y = relu(3x3(x)), time and again: no shortcut, so no unit.

Simonyan and Zisserman 2014, "Very deep convolutional networks", arXiv 1409.1556.
"""

from collections.abc import Callable
from functools import partial
from typing import Protocol

from torch import nn

from plusx import parts
from plusx.zoo.network import NO_UNITS, Family, Network, Range

__all__ = ["FAMILIES", "VGG_DEPTHS", "vgg"]

VGG_DEPTHS = {
    11: (1, 1, 2, 2, 2),
    13: (2, 2, 2, 2, 2),
    16: (2, 2, 3, 3, 3),
    19: (2, 2, 4, 4, 4),
}
"""Convolutions a stage. Simonyan and Zisserman 2014, table 1, columns A, B, D and E."""
WIDTHS = (64, 128, 256, 512, 512)


class Step(Protocol):
    """One convolution and what follows it: (B, in_channels, H, W) -> (B, out_channels, H, W)."""

    def __call__(self, in_channels: int, out_channels: int, number: int) -> dict[str, nn.Module]:
        """Return the layers, named with their `number`."""
        ...


def step(
    in_channels: int,
    out_channels: int,
    number: int,
    *,
    norm: Callable[[int], nn.Module] = parts.NoNorm,
) -> dict[str, nn.Module]:
    """3x3 with bias, [norm], ReLU. The bias does nothing before a BN; published weights have it."""
    return {
        f"conv{number}": nn.Conv2d(in_channels, out_channels, 3, padding=1),
        f"norm{number}": norm(out_channels),
        f"act{number}": nn.ReLU(),
    }


def stage(in_channels: int, width: int, depth: int, step: Step) -> nn.Sequential:
    """`depth` steps, 2x2 max-pool / 2."""
    layers: dict[str, nn.Module] = {}
    for number in range(1, depth + 1):
        layers |= step(in_channels if number == 1 else width, width, number)
    return parts.sequence(**layers, pool=nn.MaxPool2d(2))


def dense_head(width: int, num_classes: int, dropout: float) -> nn.Sequential:
    """7x7 average-pool, two layers of 4096 with ReLU and dropout, linear.

    Simonyan and Zisserman 2014, section 2.1. At 224 pixels the pool changes nothing.
    """
    return parts.sequence(
        pool=nn.AdaptiveAvgPool2d(7),
        flatten=nn.Flatten(),
        linear1=nn.Linear(width * 49, 4096),
        act1=nn.ReLU(),
        drop1=nn.Dropout(dropout),
        linear2=nn.Linear(4096, 4096),
        act2=nn.ReLU(),
        drop2=nn.Dropout(dropout),
        linear3=nn.Linear(4096, num_classes),
    )


def vgg(
    *,
    depth: int,
    step: Step,
    head: Callable[[int, int], nn.Module],
    num_classes: int = 1000,
    in_channels: int = 3,
) -> Network:
    """Five stages of 3x3 convolutions and a max-pool, head; He initialisation.

    Simonyan and Zisserman 2014, table 1. Input (B, in_channels, H, W) with H and W at least 32,
    logits (B, num_classes).
    """
    chain = nn.Sequential()
    channels = in_channels
    for count, width in zip(VGG_DEPTHS[depth], WIDTHS, strict=True):
        chain.append(stage(channels, width, count, step))
        channels = width
    network = Network(stem=nn.Identity(), stages=chain, head=head(channels, num_classes))
    parts.he_init(network)
    return network


def _photo(
    *, depth: int, step: Step, dropout: float = 0.5, num_classes: int = 1000, in_channels: int = 3
) -> Network:
    return vgg(
        depth=depth,
        step=step,
        head=partial(dense_head, dropout=dropout),
        num_classes=num_classes,
        in_channels=in_channels,
    )


_STEPS: dict[str, Step] = {"": step, "_bn": partial(step, norm=nn.BatchNorm2d)}
_PAPER = "Simonyan and Zisserman 2014, Very deep convolutional networks"

FAMILIES = (
    Family(
        name="vgg",
        paper=_PAPER,
        year=2014,
        equation="y = relu(3x3(x))",
        good_for="comparison, and features for style: large and slow, without shortcuts",
        size=224,
        num_classes=1000,
        models={
            f"vgg{depth}{suffix}": partial(_photo, depth=depth, step=step)
            for depth in VGG_DEPTHS
            for suffix, step in _STEPS.items()
        },
        options={"dropout": Range(0, 0.9)},
        small_size=32,
        without=NO_UNITS,
        deviations=(
            "He initialisation; the paper starts deeper networks from shallower ones",
            "a 7x7 average-pool before the dense layers lets images of other sizes in",
            "batch norm (_bn) is younger than the paper",
        ),
    ),
    Family(
        name="vgg-cifar",
        paper=f"{_PAPER}, for small images",
        year=2014,
        equation="y = relu(3x3(x))",
        good_for="small images: the network without shortcuts that pruning papers use",
        size=32,
        num_classes=10,
        models={
            f"vgg{depth}{suffix}_cifar": partial(
                vgg, depth=depth, step=step, head=parts.linear_head
            )
            for depth in VGG_DEPTHS
            for suffix, step in _STEPS.items()
        },
        small_size=32,
        without=NO_UNITS,
        deviations=(
            "the paper has no small images: one linear layer stands for its three dense ones",
        ),
    ),
)
