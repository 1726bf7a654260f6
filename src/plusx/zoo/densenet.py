"""DenseNet: y = (x, transform(x)), each unit adds channels to those that all later ones see.

Huang et al. 2016, "Densely connected convolutional networks", arXiv 1608.06993.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

from torch import nn

from plusx import parts
from plusx.errors import InputError
from plusx.merge import Concat
from plusx.parts import conv
from plusx.residual import Residual
from plusx.zoo.network import STEMS, Family, Network, Options, Range
from plusx.zoo.preact import ENDS_BARE
from plusx.zoo.recompute import RecomputedTransform, SharingStage

__all__ = [
    "FAMILIES",
    "dense_basic",
    "dense_bottleneck",
    "densenet",
    "densenet_bc",
    "densenet_plain",
    "transition",
]


def dense_basic(in_channels: int, growth: int) -> nn.Sequential:
    """BN, ReLU, 3x3: (B, in_channels, H, W) -> (B, growth, H, W).

    Huang et al. 2016, section 3, composite function.
    """
    return parts.sequence(
        norm1=nn.BatchNorm2d(in_channels), act1=nn.ReLU(), conv1=conv(in_channels, growth, 3)
    )


def dense_bottleneck(in_channels: int, growth: int, *, bottleneck: int = 4) -> nn.Sequential:
    """BN, ReLU, 1x1, BN, ReLU, 3x3, with `bottleneck` times `growth` channels inside: DenseNet-B.

    Huang et al. 2016, section 3, bottleneck layers.
    """
    inner = bottleneck * growth
    return parts.sequence(
        norm1=nn.BatchNorm2d(in_channels),
        act1=nn.ReLU(),
        conv1=conv(in_channels, inner, 1),
        norm2=nn.BatchNorm2d(inner),
        act2=nn.ReLU(),
        conv2=conv(inner, growth, 3),
    )


def transition(in_channels: int, out_channels: int) -> nn.Sequential:
    """BN, ReLU, 1x1, 2x2 average-pool / 2, between two stages. Huang et al. 2016, section 3."""
    return parts.sequence(
        norm=nn.BatchNorm2d(in_channels),
        act=nn.ReLU(),
        conv=conv(in_channels, out_channels, 1),
        pool=nn.AvgPool2d(2),
    )


@dataclass(frozen=True)
class Memory:
    """What a stage is made of, and what its units' transforms become."""

    stage: Callable[..., nn.Sequential]
    transform: Callable[[nn.Sequential], nn.Sequential]


PLAIN = Memory(stage=nn.Sequential, transform=lambda transform: transform)
SAVING = Memory(stage=SharingStage, transform=partial(RecomputedTransform, num_cheap=3))
"""Keeps of a unit's x nothing that grows: BN, ReLU and (not in fact run) convolution run again."""


def densenet(
    *,
    depths: Sequence[int],
    growth: int,
    stem_width: int,
    stem: parts.Stem = parts.large_stem,
    bottleneck: int = 4,
    compression: float = 0.5,
    memory: Memory = PLAIN,
    num_classes: int = 1000,
    in_channels: int = 3,
) -> Network:
    """Stem, stages of (x, transform(x)) with transitions between, BN, ReLU, linear head; He init.

    Huang et al. 2016, table 1. A stage of n units adds n * `growth` channels, a transition keeps
    `compression` of them. `bottleneck` 0 is the unit without 1x1. Stages stand at the even places
    of `stages`, transitions between. Input (B, in_channels, H, W), logits (B, num_classes).
    """
    transform = partial(dense_bottleneck, bottleneck=bottleneck) if bottleneck else dense_basic
    chain = nn.Sequential()
    channels = stem_width
    for index, depth in enumerate(depths):
        if index > 0:
            kept = int(channels * compression)
            chain.append(transition(channels, kept))
            channels = kept
        units = []
        for _ in range(depth):
            layers = memory.transform(transform(channels, growth))
            units.append(Residual(layers, merge=Concat()))
            channels += growth
        chain.append(memory.stage(*units))
    network = Network(
        stem=stem(in_channels, stem_width),
        stages=chain,
        head=parts.norm_act_head(channels, num_classes),
    )
    parts.he_init(network)
    return network


def densenet_bc(depth: int, growth: int) -> Callable[..., Network]:
    """3x3, three stages of n bottleneck units, compression 0.5: DenseNet-BC of depth 6n + 4.

    Huang et al. 2016, section 3, implementation details: twice the growth in the stem. Returns the
    builder; `ValueError` for another depth or a growth below 1.
    """
    return partial(
        densenet,
        depths=_three_stages(depth, growth, layers=2),
        growth=growth,
        stem_width=2 * growth,
        stem=parts.bare_small_stem,
    )


def densenet_plain(depth: int, growth: int) -> Callable[..., Network]:
    """3x3 of 16, three stages of n units without bottleneck or compression: depth 3n + 4.

    Huang et al. 2016, section 3. Returns the builder; `ValueError` for another depth or growth.
    """
    return partial(
        densenet,
        depths=_three_stages(depth, growth, layers=1),
        growth=growth,
        stem_width=16,
        stem=parts.bare_small_stem,
        bottleneck=0,
        compression=1.0,
    )


def _three_stages(depth: int, growth: int, *, layers: int) -> tuple[int, int, int]:
    step = 3 * layers
    if growth < 1:
        raise InputError(
            f"the growth of a DenseNet is {growth} channels a unit; expected 1 or more"
        )
    if depth < step + 4 or (depth - 4) % step:
        below = max(step + 4, depth - (depth - 4) % step)
        raise InputError(
            f"such a DenseNet has depth {step}n + 4, which {depth} is not; the nearest are {below} "
            f"and {below + step}"
        )
    return ((depth - 4) // step,) * 3


_MEMORY = {"plain": PLAIN, "saving": SAVING}
_PHOTO_OPTIONS: Options = {
    "stem": STEMS,
    "growth": Range(1, 512, whole=True),
    "bottleneck": Range(0, 64, whole=True),
    "compression": Range(0.05, 1),
    "memory": _MEMORY,
}
_CIFAR_OPTIONS: Options = {
    "stem": {"small": parts.bare_small_stem, "large": parts.bare_large_stem},
    "compression": Range(0.05, 1),
    "memory": _MEMORY,
}
_PAPER = "Huang et al. 2016, Densely connected convolutional networks"
_EQUATION = "y = (x, transform(x))"

FAMILIES = (
    Family(
        name="densenet",
        paper=_PAPER,
        year=2016,
        equation=_EQUATION,
        good_for="photographs with few parameters: every unit sees all features before it",
        size=224,
        num_classes=1000,
        models={
            "densenet121": partial(densenet, depths=(6, 12, 24, 16), growth=32, stem_width=64),
            "densenet161": partial(densenet, depths=(6, 12, 36, 24), growth=48, stem_width=96),
            "densenet169": partial(densenet, depths=(6, 12, 32, 32), growth=32, stem_width=64),
            "densenet201": partial(densenet, depths=(6, 12, 48, 32), growth=32, stem_width=64),
        },
        options=_PHOTO_OPTIONS,
        deviations=(
            "a transition is BN, ReLU, 1x1, average-pool, as in the authors' code; the paper's "
            "text names no ReLU",
        ),
        small_size=32,
        without=ENDS_BARE,
    ),
    Family(
        name="densenet-cifar",
        paper=f"{_PAPER}, section 4",
        year=2016,
        equation=_EQUATION,
        good_for="small images with few parameters",
        size=32,
        num_classes=10,
        models={
            "densenet40_12": densenet_plain(40, 12),
            "densenet_bc100_12": densenet_bc(100, 12),
            "densenet_bc190_40": densenet_bc(190, 40),
            "densenet_bc250_24": densenet_bc(250, 24),
        },
        sized={"densenet{}_{}": densenet_plain, "densenet_bc{}_{}": densenet_bc},
        options=_CIFAR_OPTIONS,
        small_size=8,
        without=ENDS_BARE,
    ),
)
