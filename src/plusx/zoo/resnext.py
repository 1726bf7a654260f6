"""ResNeXt: y = relu(shortcut(x) + sum of C small transforms(x)), as one grouped bottleneck.

Xie et al. 2016, "Aggregated residual transformations for deep neural networks", arXiv 1611.05431.
"""

from collections.abc import Callable
from functools import partial

from torch import nn

from plusx import parts
from plusx.errors import InputError
from plusx.zoo.depths import IMAGENET_DEPTHS, equal_stages
from plusx.zoo.network import SHORTCUTS, STEMS, Family, Network, Options
from plusx.zoo.resnet import resnet

__all__ = ["FAMILIES", "aggregated", "resnext", "resnext_cifar"]


def aggregated(cardinality: int, base_width: int) -> parts.Transform:
    """1x1, BN, ReLU, 3x3 in C groups, BN, ReLU, 1x1, BN: C paths, each `base_width` wide at first.

    Xie et al. 2016, figure 3(c). A path is `base_width` channels wide where the unit has 256, and
    grows with it. `ValueError` where a number is below 1.
    """
    if cardinality < 1 or base_width < 1:
        raise InputError(
            f"{cardinality}x{base_width}d is no set of paths; expected at least one, of at least "
            "one channel"
        )

    def made(in_channels: int, out_channels: int, *, stride: int) -> nn.Module:
        inner = out_channels // 4 * base_width // 64 * cardinality
        return parts.bottleneck(
            in_channels, out_channels, stride=stride, inner=inner, groups=cardinality
        )

    return made


def resnext(depth: int, cardinality: int, base_width: int) -> Callable[..., Network]:
    """ResNet for photographs with C paths in each unit.

    Xie et al. 2016, table 1. Returns the builder.
    """
    return partial(
        resnet,
        transform=aggregated(cardinality, base_width),
        depths=IMAGENET_DEPTHS[depth],
        widths=(256, 512, 1024, 2048),
        stem_width=64,
    )


def resnext_cifar(depth: int, cardinality: int, base_width: int) -> Callable[..., Network]:
    """3x3, three stages of n units of 256, 512, 1024 channels: depth 9n + 2, shortcut B.

    Xie et al. 2016, section 5.3. Returns the builder; `ValueError` for another depth.
    """
    return partial(
        resnet,
        transform=aggregated(cardinality, base_width),
        depths=equal_stages(depth, layers=3),
        widths=(256, 512, 1024),
        stem_width=64,
        stem=parts.small_stem,
    )


_OPTIONS: Options = {"stem": STEMS, "shortcut": SHORTCUTS}
_PAPER = "Xie et al. 2016, Aggregated residual transformations for deep neural networks"
_EQUATION = "y = relu(shortcut(x) + sum of transforms(x))"

FAMILIES = (
    Family(
        name="resnext",
        paper=_PAPER,
        year=2016,
        equation=_EQUATION,
        good_for="photographs: more accurate than a ResNet with the same count and MACs",
        size=224,
        num_classes=1000,
        models={
            f"resnext{depth}_{paths}x{width}d": resnext(depth, paths, width)
            for depth, paths, width in ((50, 32, 4), (101, 32, 8), (101, 64, 4))
        },
        sized={f"resnext{depth}_{{}}x{{}}d": partial(resnext, depth) for depth in (50, 101, 152)},
        options=_OPTIONS,
        small_size=32,
    ),
    Family(
        name="resnext-cifar",
        paper=f"{_PAPER}, section 5.3",
        year=2016,
        equation=_EQUATION,
        good_for="small images, where accuracy matters more than size",
        size=32,
        num_classes=10,
        models={
            f"resnext29_{paths}x{width}d": resnext_cifar(29, paths, width)
            for paths, width in ((8, 64), (16, 64))
        },
        sized={"resnext{}_{}x{}d": resnext_cifar},
        options=_OPTIONS,
        small_size=8,
    ),
)
