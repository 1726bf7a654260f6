"""ResNet: y = relu(shortcut(x) + transform(x)), for photographs and for small images.

He et al. 2015, "Deep residual learning for image recognition", arXiv 1512.03385.
"""

from collections.abc import Callable, Sequence
from functools import partial

from torch import nn

from plusx import parts
from plusx.residual import Residual
from plusx.zoo.network import SHORTCUTS, STEMS, Family, Network, Options, cifar_depths, staged

__all__ = [
    "FAMILIES",
    "OPTIONS",
    "TRANSFORMS",
    "resnet",
    "resnet18",
    "resnet34",
    "resnet50",
    "resnet101",
    "resnet152",
    "resnet200",
    "resnet_cifar",
]


def resnet(
    *,
    transform: parts.Transform,
    depths: Sequence[int],
    widths: Sequence[int],
    stem_width: int,
    stem: parts.Stem = parts.large_stem,
    shortcut: parts.Shortcut = parts.project,
    num_classes: int = 1000,
    in_channels: int = 3,
) -> Network:
    """Stem, stages of act(shortcut(x) + transform(x)), linear head; He initialisation.

    He et al. 2015, table 1. Input (B, in_channels, H, W), logits (B, num_classes).
    """

    def block(in_channels: int, out_channels: int, stride: int) -> nn.Module:
        unit = Residual(
            transform(in_channels, out_channels, stride=stride),
            shortcut=shortcut(in_channels, out_channels, stride=stride),
        )
        return parts.sequence(unit=unit, act=nn.ReLU())

    return staged(
        block,
        depths=depths,
        widths=widths,
        stem_width=stem_width,
        stem=stem,
        num_classes=num_classes,
        in_channels=in_channels,
    )


_with_basic = partial(resnet, transform=parts.basic, widths=(64, 128, 256, 512), stem_width=64)
_with_bottleneck = partial(
    resnet, transform=parts.bottleneck, widths=(256, 512, 1024, 2048), stem_width=64
)
resnet18 = partial(_with_basic, depths=(2, 2, 2, 2))
resnet34 = partial(_with_basic, depths=(3, 4, 6, 3))
resnet50 = partial(_with_bottleneck, depths=(3, 4, 6, 3))
resnet101 = partial(_with_bottleneck, depths=(3, 4, 23, 3))
resnet152 = partial(_with_bottleneck, depths=(3, 8, 36, 3))
resnet200 = partial(_with_bottleneck, depths=(3, 24, 36, 3))


def resnet_cifar(depth: int) -> Callable[..., Network]:
    """3x3, then three stages of n units of 16, 32, 64 channels: depth 6n + 2, shortcut A.

    He et al. 2015, section 4.2. From 164 layers on, depths of 9n + 2 have bottlenecks of 64, 128,
    256 channels whose shortcuts project: the baselines of He et al. 2016, table 4. Returns the
    builder; `ValueError` for another depth.
    """
    if depth >= 164 and depth % 9 == 2:
        return partial(
            resnet,
            transform=parts.bottleneck_2015,
            depths=((depth - 2) // 9,) * 3,
            widths=(64, 128, 256),
            stem_width=16,
            stem=parts.small_stem,
        )
    return partial(
        resnet,
        transform=parts.basic,
        depths=cifar_depths(depth),
        widths=(16, 32, 64),
        stem_width=16,
        stem=parts.small_stem,
        shortcut=parts.pad,
    )


TRANSFORMS = {
    "basic": parts.basic,
    "bottleneck": parts.bottleneck,
    "bottleneck-2015": parts.bottleneck_2015,
}
OPTIONS: Options = {"stem": STEMS, "shortcut": SHORTCUTS, "transform": TRANSFORMS}
_PAPER = "He et al. 2015, Deep residual learning for image recognition"
_EQUATION = "y = relu(shortcut(x) + transform(x))"
_V1_5 = "the stride of a bottleneck stands in its 3x3, the paper's is in the first 1x1"

FAMILIES = (
    Family(
        name="resnet",
        paper=_PAPER,
        year=2015,
        equation=_EQUATION,
        good_for="photographs: the network that others are compared with",
        size=224,
        num_classes=1000,
        models={
            "resnet18": resnet18,
            "resnet34": resnet34,
            "resnet50": resnet50,
            "resnet101": resnet101,
            "resnet152": resnet152,
            "resnet200": resnet200,
        },
        options=OPTIONS,
        deviations=(f"{_V1_5} (transform=bottleneck-2015)",),
    ),
    Family(
        name="resnet-cifar",
        paper=f"{_PAPER}, section 4.2",
        year=2015,
        equation=_EQUATION,
        good_for="small images: a hundred times fewer parameters than the networks for photographs",
        size=32,
        num_classes=10,
        models={
            f"resnet{depth}": resnet_cifar(depth)
            for depth in (20, 32, 44, 56, 110, 164, 1001, 1202)
        },
        sized={"resnet{}": resnet_cifar},
        options=OPTIONS,
        small_size=8,
        deviations=("the zero channels of a padded shortcut stand on both sides",),
    ),
)
