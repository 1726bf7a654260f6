"""Wide residual networks: few units, each many times as wide.

Zagoruyko and Komodakis 2016, "Wide residual networks", arXiv 1605.07146.
"""

from collections.abc import Callable
from functools import partial

from torch import nn

from plusx import parts
from plusx.errors import InputError
from plusx.zoo.depths import IMAGENET_DEPTHS, equal_stages
from plusx.zoo.network import SHORTCUTS, STEMS, Family, Network, Range
from plusx.zoo.preact import BARE_STEMS, ENDS_BARE, preact
from plusx.zoo.resnet import resnet

__all__ = ["FAMILIES", "wide_basic", "wide_bottleneck", "wide_resnet", "wrn"]


def wide_basic(
    in_channels: int, out_channels: int, *, stride: int, dropout: float
) -> nn.Sequential:
    """3x3 / stride, BN, ReLU, dropout, 3x3: what follows the BN and ReLU that open the unit.

    Zagoruyko and Komodakis 2016, figure 1(d).
    """
    return parts.sequence(
        conv1=parts.conv(in_channels, out_channels, 3, stride=stride),
        norm2=nn.BatchNorm2d(out_channels),
        act2=nn.ReLU(),
        drop2=nn.Dropout(dropout),
        conv2=parts.conv(out_channels, out_channels, 3),
    )


def _wrn(
    *,
    depth: int,
    factor: int,
    dropout: float = 0.0,
    stem: parts.Stem = parts.bare_small_stem,
    num_classes: int = 10,
    in_channels: int = 3,
) -> Network:
    return preact(
        transform=partial(wide_basic, dropout=dropout) if dropout else parts.preact_basic,
        depths=equal_stages(depth, layers=2, others=4),
        widths=(16 * factor, 32 * factor, 64 * factor),
        stem_width=16,
        stem=stem,
        num_classes=num_classes,
        in_channels=in_channels,
    )


def wrn(depth: int, factor: int) -> Callable[..., Network]:
    """3x3, three stages of n units of 16k, 32k, 64k channels: WRN-(6n + 4)-k.

    Zagoruyko and Komodakis 2016, table 1. The 4 of the depth counts the stem and the three
    projections. Returns the builder; `ValueError` for another depth or a factor below 1.
    """
    equal_stages(depth, layers=2, others=4)
    return partial(_wrn, depth=depth, factor=_at_least_one(factor))


def wide_bottleneck(factor: int) -> parts.Transform:
    """1x1, BN, ReLU, 3x3, BN, ReLU, 1x1, BN, with `factor` quarters of the width inside.

    Zagoruyko and Komodakis 2016, section 3.3, B(1, 3, 1).
    """

    def made(in_channels: int, out_channels: int, *, stride: int) -> nn.Module:
        inner = out_channels // 4 * factor
        return parts.bottleneck(in_channels, out_channels, stride=stride, inner=inner)

    return made


def wide_resnet(depth: int, factor: int) -> Callable[..., Network]:
    """ResNet for photographs with `factor` times the width in its 3x3.

    Zagoruyko and Komodakis 2016, section 3.3, table 8. Returns the builder.
    """
    return partial(
        resnet,
        transform=wide_bottleneck(_at_least_one(factor)),
        depths=IMAGENET_DEPTHS[depth],
        widths=(256, 512, 1024, 2048),
        stem_width=64,
    )


def _at_least_one(factor: int) -> int:
    if factor < 1:
        raise InputError(f"a wide network is {factor} times as wide; expected at least 1")
    return factor


_PAPER = "Zagoruyko and Komodakis 2016, Wide residual networks"

FAMILIES = (
    Family(
        name="wide-cifar",
        paper=_PAPER,
        year=2016,
        equation="y = shortcut(x) + transform(relu(norm(x)))",
        good_for="small images: the best accuracy for the time on a GPU",
        size=32,
        num_classes=10,
        models={f"wrn{depth}_{k}": wrn(depth, k) for depth, k in ((16, 8), (28, 10), (40, 4))},
        sized={"wrn{}_{}": wrn},
        options={"dropout": Range(0, 0.9), "stem": BARE_STEMS},
        small_size=8,
        without=ENDS_BARE,
    ),
    Family(
        name="wide",
        paper=f"{_PAPER}, section 3.3",
        year=2016,
        equation="y = relu(shortcut(x) + transform(x))",
        good_for="photographs: fewer layers for the same accuracy, so faster on a GPU",
        size=224,
        num_classes=1000,
        models={f"wide_resnet{depth}_2": wide_resnet(depth, 2) for depth in (50, 101)},
        sized={f"wide_resnet{depth}_{{}}": partial(wide_resnet, depth) for depth in (50, 101, 152)},
        options={"stem": STEMS, "shortcut": SHORTCUTS},
        small_size=32,
        deviations=("the stride of a bottleneck stands in its 3x3",),
    ),
)
