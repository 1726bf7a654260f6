"""Attention between the units: blocks that are residual units of their own.

Park et al. 2018, arXiv 1807.06514 (BAM); Wang et al. 2017, arXiv 1711.07971 (non-local).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

from torch import nn

from plusx import parts
from plusx.branch import ATTENTION, GATES, Gate, bam_unit, gated, non_local_unit
from plusx.errors import InputError
from plusx.zoo.attention import of_depth
from plusx.zoo.network import Family, Network
from plusx.zoo.resnet import OPTIONS, resnet

__all__ = ["FAMILIES", "interleaved", "non_local_resnet"]

Places = Callable[[Sequence[int]], Sequence[Sequence[int]]]
"""Says, from the units a stage, after which of a stage's units a block stands."""


@dataclass(frozen=True)
class Behind:
    """Attention behind each transform, or none, in place of the blocks between the units."""

    gate: Gate | None


def interleaved(
    *,
    block: Callable[[int], nn.Module],
    places: Places,
    attention: Behind | None = None,
    transform: parts.Transform,
    depths: Sequence[int],
    widths: Sequence[int],
    stem: parts.Stem = parts.large_stem,
    shortcut: parts.Shortcut = parts.project,
    num_classes: int = 1000,
    in_channels: int = 3,
) -> Network:
    """A ResNet with blocks, units of their own, between its units where `places` says.

    The blocks keep their own initialisation; other `attention` stands in their place. Input
    (B, in_channels, H, W), logits (B, num_classes).
    """
    network = resnet(
        transform=transform if attention is None else gated(transform, attention.gate),
        depths=depths,
        widths=widths,
        stem_width=64,
        stem=stem,
        shortcut=shortcut,
        num_classes=num_classes,
        in_channels=in_channels,
    )
    if attention is not None:
        return network
    stages = nn.Sequential()
    for stage, width, after in zip(network.stages.children(), widths, places(depths), strict=True):
        longer = nn.Sequential()
        for position, unit in enumerate(stage.children(), start=1):
            longer.append(unit)
            if position in after:
                longer.append(block(width))
        stages.append(longer)
    network.stages = stages
    return network


def ends_of_stages(depths: Sequence[int]) -> list[list[int]]:
    """Behind each stage but the last. Park et al. 2018, figure 1."""
    return [*([depth] for depth in depths[:-1]), []]


def every_other(depths: Sequence[int]) -> list[list[int]]:
    """Behind every other unit of the two stages in the middle: five blocks in 50 layers.

    Wang et al. 2017, section 5.1: "to every other residual block" of res3 and res4.
    """
    return [[], *([*range(2, depth + 1, 2)] for depth in depths[1:3]), []]


_bam = partial(of_depth, partial(interleaved, block=bam_unit, places=ends_of_stages))
_PAIRWISE = {
    "embedded": GATES["nonlocal"],
    "gaussian": GATES["nonlocal-gaussian"],
    "dot": GATES["nonlocal-dot"],
    "concat": GATES["nonlocal-concat"],
}


def non_local_resnet(
    *,
    transform: parts.Transform,
    depths: Sequence[int],
    widths: Sequence[int],
    pairwise: Gate = non_local_unit,
    attention: Behind | None = None,
    stem: parts.Stem = parts.large_stem,
    shortcut: parts.Shortcut = parts.project,
    num_classes: int = 1000,
    in_channels: int = 3,
) -> Network:
    """A ResNet with non-local blocks of one `pairwise` function behind every other unit.

    Wang et al. 2017, section 5.1. Input (B, in_channels, H, W), logits (B, num_classes).
    `ValueError` for a pairwise function where other `attention` leaves no block to have it.
    """
    if attention is not None and pairwise is not non_local_unit:
        raise InputError(
            "pairwise is of the blocks between the units, in whose place attention puts others; "
            "give one of the two (attention=nonlocal-dot and the like have their own)"
        )
    return interleaved(
        block=pairwise,
        places=every_other,
        attention=attention,
        transform=transform,
        depths=depths,
        widths=widths,
        stem=stem,
        shortcut=shortcut,
        num_classes=num_classes,
        in_channels=in_channels,
    )


_non_local = partial(of_depth, non_local_resnet)
_OPTIONS = {**OPTIONS, "attention": {name: Behind(gate) for name, gate in ATTENTION.items()}}

FAMILIES = (
    Family(
        name="bam-resnet",
        paper="Park et al. 2018, BAM: bottleneck attention module",
        year=2018,
        equation="y = x + x sigmoid(channel(x) + place(x)) between the stages",
        good_for="photographs: three blocks of attention between the stages, cheap",
        size=224,
        num_classes=1000,
        models={"bam_resnet50": _bam(50)},
        sized={"bam_resnet{}": _bam},
        options=_OPTIONS,
        small_size=32,
        deviations=(
            "ReLUs stand between the layers of both branches; the equations leave them out",
            "the branches are added, each with a BN at its end, as in the paper; the authors' code "
            "multiplies them and has its norms inside",
            "attention=bam puts the block behind the transform of each unit instead",
        ),
    ),
    Family(
        name="nonlocal-resnet",
        paper="Wang et al. 2017, Non-local neural networks",
        year=2017,
        equation="y = x + W_z sum_j f(x_i, x_j) g(x_j) / C(x) between the units",
        good_for="photographs and video, where far places belong together",
        size=224,
        num_classes=1000,
        models={"nonlocal_resnet50": _non_local(50)},
        sized={"nonlocal_resnet{}": _non_local},
        options={**_OPTIONS, "pairwise": _PAIRWISE},
        small_size=32,
        deviations=(
            "for images; the paper's networks see video, with the same blocks in the same places",
            "the softmax has no factor 1 / sqrt(d), as in the paper; the authors' code has it",
            "attention=nonlocal puts the block behind the transform of each unit instead",
        ),
    ),
)
