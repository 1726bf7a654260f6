"""ResNet-RS: ResNet-D with squeeze-and-excitation, and a rule for how to scale it.

Bello et al. 2021, "Revisiting ResNets: improved training and scaling strategies", arXiv 2103.07579.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Literal

from torch import nn

from plusx import parts
from plusx.branch import ATTENTION, SE, DropPath, Gate, gated
from plusx.errors import InputError
from plusx.residual import Residual
from plusx.zoo.network import Family, Network, Range

__all__ = ["FAMILIES", "Scale", "resnet_rs", "scaled"]

RS_DEPTHS = {
    50: (3, 4, 6, 3),
    101: (3, 4, 23, 3),
    152: (3, 8, 36, 3),
    200: (3, 24, 36, 3),
    270: (4, 29, 53, 4),
    350: (4, 36, 72, 4),
    420: (4, 44, 87, 4),
}
"""Units a stage. Bello et al. 2021, appendix B."""


@dataclass(frozen=True)
class Scale:
    """How one network of the family is trained: image side in pixels and regularisation."""

    depth: int
    image_size: int
    dropout: float
    drop_path: float
    randaugment: int


def scaled(depth: int, image_size: int | None = None) -> Scale:
    """Return how the paper trains a depth at an image size, without one at its largest.

    Bello et al. 2021, section 6 and appendix: grow the depth where 350 epochs could overfit (the
    width only in shorter training), and the image slowly, 160 to 320 pixels from 50 to 420 layers.
    Larger networks get more regularisation: RandAugment 15 instead of 10 above 50 layers,
    stochastic depth 0.1 from 200 layers, dropout 0.4 instead of 0.25 at 320 pixels. The figures are
    those of the authors' configs (tensorflow/tpu, resnet_rs). `ValueError` for a size that they do
    not have.

    >>> scaled(50)
    Scale(depth=50, image_size=160, dropout=0.25, drop_path=0.0, randaugment=10)
    """
    if depth not in IMAGE_SIZES:
        raise InputError(f"ResNet-RS has no depth {depth}; it has {[*IMAGE_SIZES]}")
    sizes = IMAGE_SIZES[depth]
    image_size = image_size or sizes[-1]
    if image_size not in sizes:
        raise InputError(f"ResNet-RS-{depth} is trained at {[*sizes]} pixels, not at {image_size}")
    return Scale(
        depth=depth,
        image_size=image_size,
        dropout=0.4 if image_size == 320 else 0.25,
        drop_path=0.1 if depth >= 200 else 0.0,
        randaugment=10 if depth == 50 else 15,
    )


IMAGE_SIZES = {
    50: (160,),
    101: (160, 192),
    152: (192, 224, 256),
    200: (256,),
    270: (256,),
    350: (256, 320),
    420: (320,),
}
"""Sides in pixels at which the authors trained each depth, smallest first."""


def strided_stem(in_channels: int, width: int) -> nn.Sequential:
    """3x3 / 2, 3x3, 3x3, 3x3 / 2, each with BN and ReLU: stride 4, without max-pool.

    Bello et al. 2021, section 4.
    """
    layers = dict(parts.deep_stem(in_channels, width).named_children())
    del layers["pool"]
    return parts.sequence(
        **layers,
        conv4=parts.conv(width, width, 3, stride=2),
        norm4=nn.BatchNorm2d(width),
        act4=nn.ReLU(),
    )


se_of_a_quarter = partial(SE, reduction=4)
"""SE with a quarter of the width inside. Bello et al. 2021, section 4."""


def dropout_head(width: int, num_classes: int, dropout: float) -> nn.Sequential:
    """Global average-pool, flatten, dropout, linear: (B, width, H, W) -> (B, num_classes)."""
    return parts.sequence(
        pool=nn.AdaptiveAvgPool2d(1),
        flatten=nn.Flatten(),
        drop=nn.Dropout(dropout),
        linear=nn.Linear(width, num_classes),
    )


def _resnet_rs(
    *,
    depth: int,
    stem: parts.Stem = strided_stem,
    attention: Gate | None = se_of_a_quarter,
    dropout: float | None = None,
    drop_path: float | None = None,
    drop_path_mode: Literal["sample", "batch"] = "sample",
    num_classes: int = 1000,
    in_channels: int = 3,
) -> Network:
    """Stem, stages of relu(shortcut(x) + SE(bottleneck(x))), dropout, linear head; He init.

    Stage i of 1 to 4 is dropped with probability `drop_path` (i + 1) / 5, as in the authors' code.
    """
    usual = scaled(depth)
    rate = usual.drop_path if drop_path is None else drop_path
    transform = gated(parts.bottleneck, attention)
    chain = nn.Sequential()
    channels = 64
    for index, (count, width) in enumerate(zip(RS_DEPTHS[depth], (256, 512, 1024, 2048))):
        stage = nn.Sequential()
        for position in range(count):
            stride = 2 if index > 0 and position == 0 else 1
            made = transform(channels, width, stride=stride)
            if rate:
                made = DropPath(made, rate * (index + 2) / 5, mode=drop_path_mode)
            unit = Residual(made, shortcut=parts.avg_project(channels, width, stride=stride))
            stage.append(parts.sequence(unit=unit, act=nn.ReLU()))
            channels = width
        chain.append(stage)
    head = dropout_head(channels, num_classes, usual.dropout if dropout is None else dropout)
    network = Network(stem=stem(in_channels, 64), stages=chain, head=head)
    parts.he_init(network)
    return network


def resnet_rs(depth: int) -> Callable[..., Network]:
    """ResNet-RS of one of the paper's depths, with its regularisation. Returns the builder."""
    return partial(_resnet_rs, depth=depth)


FAMILIES = (
    Family(
        name="resnet-rs",
        paper="Bello et al. 2021, Revisiting ResNets: improved training and scaling strategies",
        year=2021,
        equation="y = relu(shortcut(x) + SE(transform(x)))",
        good_for="photographs: from fast to as accurate as it gets, all of one kind",
        size=224,
        num_classes=1000,
        models={f"resnetrs{depth}": resnet_rs(depth) for depth in RS_DEPTHS},
        options={
            "stem": {"small": parts.small_stem, "large": strided_stem},
            "attention": {**ATTENTION, "se": se_of_a_quarter},
            "dropout": Range(0, 0.9),
            "drop_path": Range(0, 0.95),
            "drop_path_mode": {"sample": "sample", "batch": "batch"},
        },
        small_size=32,
        deviations=(
            "a strided 3x3 stands for the max-pool, as in the authors' code; the text of the paper "
            "moves the stride into the first unit",
            "sizes are given at 224 pixels; the paper trains at 160 to 320, see `scaled`",
        ),
    ),
)
