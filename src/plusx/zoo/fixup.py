"""Fixup: y = relu(shortcut(x) + transform(x)) without any norm, by its initialisation alone.

Zhang et al. 2019, "Fixup initialization: residual learning without normalization",
arXiv 1901.09321.
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import final

import torch
from torch import Tensor, nn

from plusx import parts
from plusx.parts import NoNorm, conv
from plusx.residual import Residual
from plusx.zoo.network import Family, Network, Options, cifar_depths, staged

__all__ = ["FAMILIES", "Scale", "Shift", "fixup", "fixup_basic", "fixup_bottleneck", "fixup_cifar"]


@final
class Shift(nn.Module):
    """y = x + b, one learned number that starts at zero."""

    def __init__(self) -> None:
        super().__init__()
        self.bias = nn.Parameter(torch.zeros(()))

    def forward(self, x: Tensor) -> Tensor:
        return x + self.bias


@final
class Scale(nn.Module):
    """y = a x, one learned number that starts at one."""

    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.ones(()))

    def forward(self, x: Tensor) -> Tensor:
        return self.scale * x


def fixup_basic(in_channels: int, out_channels: int, *, stride: int) -> nn.Sequential:
    """3x3 / stride, +b, ReLU, +b, 3x3, *a, +b. Zhang et al. 2019, figure 1 right.

    The shift before the first convolution is the unit's to place. There is a place for a norm after
    all convolutions but the last, which starts at zero: a norm would blow it up.
    """
    return parts.sequence(
        conv1=conv(in_channels, out_channels, 3, stride=stride),
        norm1=NoNorm(out_channels),
        shift2=Shift(),
        act1=nn.ReLU(),
        shift3=Shift(),
        conv2=conv(out_channels, out_channels, 3),
        scale=Scale(),
        shift4=Shift(),
    )


def fixup_bottleneck(in_channels: int, out_channels: int, *, stride: int) -> nn.Sequential:
    """1x1, +b, ReLU, +b, 3x3 / stride, +b, ReLU, +b, 1x1, *a, +b, a quarter of the width inside."""
    inner = out_channels // 4
    return parts.sequence(
        conv1=conv(in_channels, inner, 1),
        norm1=NoNorm(inner),
        shift2=Shift(),
        act1=nn.ReLU(),
        shift3=Shift(),
        conv2=conv(inner, inner, 3, stride=stride),
        norm2=NoNorm(inner),
        shift4=Shift(),
        act2=nn.ReLU(),
        shift5=Shift(),
        conv3=conv(inner, out_channels, 1),
        scale=Scale(),
        shift6=Shift(),
    )


def small_stem(in_channels: int, width: int) -> nn.Sequential:
    """3x3, +b, ReLU: stride 1, for images up to about 64 pixels."""
    return parts.sequence(
        conv=conv(in_channels, width, 3), norm=NoNorm(width), shift=Shift(), act=nn.ReLU()
    )


def large_stem(in_channels: int, width: int) -> nn.Sequential:
    """7x7 / 2, +b, ReLU, 3x3 max-pool / 2: stride 4, for photographs."""
    return parts.sequence(
        conv=conv(in_channels, width, 7, stride=2),
        norm=NoNorm(width),
        shift=Shift(),
        act=nn.ReLU(),
        pool=nn.MaxPool2d(3, stride=2, padding=1),
    )


def fixup(
    *,
    transform: parts.Transform,
    depths: Sequence[int],
    widths: Sequence[int],
    stem_width: int,
    stem: parts.Stem = large_stem,
    shortcut: parts.Shortcut = parts.bare_project,
    num_classes: int = 1000,
    in_channels: int = 3,
) -> Network:
    """Stem, stages of act(shortcut(x) + transform(x)), global average-pool, +b, linear; no norm.

    Zhang et al. 2019, section 3. A unit that keeps the shape has its first shift in its transform;
    in one that changes it, shortcut and transform see the same shifted x, as in the authors' code.
    Input (B, in_channels, H, W), logits (B, num_classes).
    """
    transforms = []

    def block(in_channels: int, out_channels: int, stride: int) -> nn.Module:
        layers = transform(in_channels, out_channels, stride=stride)
        transforms.append(layers)
        if in_channels == out_channels and stride == 1:
            shifted = parts.sequence(shift1=Shift(), **dict(layers.named_children()))
            return parts.sequence(unit=Residual(shifted), act=nn.ReLU())
        unit = Residual(layers, shortcut=shortcut(in_channels, out_channels, stride=stride))
        return parts.sequence(shift=Shift(), unit=unit, act=nn.ReLU())

    made = staged(
        block,
        depths=depths,
        widths=widths,
        stem_width=stem_width,
        stem=stem,
        num_classes=num_classes,
        in_channels=in_channels,
    )
    for layers in transforms:
        _rescale(layers, num_units=len(transforms))
    linear = nn.Linear(widths[-1], num_classes)
    nn.init.zeros_(linear.weight)
    nn.init.zeros_(linear.bias)
    head = parts.sequence(
        pool=nn.AdaptiveAvgPool2d(1), flatten=nn.Flatten(), shift=Shift(), linear=linear
    )
    return Network(stem=made.stem, stages=made.stages, head=head)


def _rescale(transform: nn.Module, *, num_units: int) -> None:
    """Scale all convolutions but the last by L^(-1 / (2m - 2)), the last of the m by zero.

    Zhang et al. 2019, section 3, rules 1 and 2: one step then changes the network's output as much
    as in one unit, whatever the number L of units.
    """
    convs = [module for module in transform.modules() if isinstance(module, nn.Conv2d)]
    with torch.no_grad():
        for layer in convs[:-1]:
            layer.weight.mul_(num_units ** (-1 / (2 * len(convs) - 2)))
    nn.init.zeros_(convs[-1].weight)


def fixup_cifar(depth: int) -> Callable[..., Network]:
    """3x3, then three stages of n units of 16, 32, 64 channels: depth 6n + 2, shortcut A.

    Zhang et al. 2019, section 5.1. Returns the builder; `ValueError` for another depth.
    """
    return partial(
        fixup,
        transform=fixup_basic,
        depths=cifar_depths(depth),
        widths=(16, 32, 64),
        stem_width=16,
        stem=small_stem,
        shortcut=parts.pad,
    )


_OPTIONS: Options = {
    "stem": {"small": small_stem, "large": large_stem},
    "shortcut": {"pad": parts.pad, "project": parts.bare_project},
    "transform": {"basic": fixup_basic, "bottleneck": fixup_bottleneck},
}
_WITHOUT = {"init=zero-last": "Fixup starts so already, by the last convolution of each unit"}
_PAPER = "Zhang et al. 2019, Fixup initialization: residual learning without normalization"
_EQUATION = "y = relu(shortcut(x) + transform(x)), no norm"
_GOOD_FOR = "training without batch statistics: small batches, exact gradients"

FAMILIES = (
    Family(
        name="fixup",
        paper=_PAPER,
        year=2019,
        equation=_EQUATION,
        good_for=_GOOD_FOR,
        size=224,
        num_classes=1000,
        models={
            "fixup_resnet50": partial(
                fixup,
                transform=fixup_bottleneck,
                depths=(3, 4, 6, 3),
                widths=(256, 512, 1024, 2048),
                stem_width=64,
            )
        },
        options=_OPTIONS,
        without=_WITHOUT,
        small_size=32,
    ),
    Family(
        name="fixup-cifar",
        paper=f"{_PAPER}, section 5.1",
        year=2019,
        equation=_EQUATION,
        good_for=_GOOD_FOR,
        size=32,
        num_classes=10,
        models={f"fixup_resnet{depth}": fixup_cifar(depth) for depth in (20, 32, 44, 56, 110)},
        sized={"fixup_resnet{}": fixup_cifar},
        options=_OPTIONS,
        without=_WITHOUT,
        small_size=8,
        deviations=("the zero channels of a padded shortcut stand on both sides",),
    ),
)
