"""Hybrid attention on ResNets: y = relu(shortcut(x) + transform(x) (1 + a(transform(x)))).

The module and the networks are this house's own; its parts are those of Woo et al. 2018, "CBAM:
convolutional block attention module", arXiv 1807.06521.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

from torch import nn

from plusx import parts
from plusx.branch import ATTENTION, Gate, Gated, HybridAttention
from plusx.zoo.attention import of_depth
from plusx.zoo.network import SHORTCUTS, STEMS, Family, Network, Options, cifar_depths
from plusx.zoo.resnet import resnet

__all__ = ["FAMILIES", "hybrid_resnet"]


def behind(body: nn.Module, gate: nn.Module) -> Gated:
    """Put the gate where SE-ResNet has it: behind the transform, before the sum."""
    return Gated(body, gate)


def within(body: nn.Module, gate: nn.Module) -> nn.Sequential:
    """Put the gate into a bottleneck, behind its 3x3 with norm and activation."""
    layers = dict(body.named_children())
    last = {name: layers.pop(name) for name in ("conv3", "norm3")}
    return parts.sequence(**layers, gate=gate, **last)


@dataclass(frozen=True)
class Place:
    """A transform, and where attention stands in it: there its width is `1 / narrower`."""

    transform: parts.Transform
    put: Callable[[nn.Module, nn.Module], nn.Module] = within
    narrower: int = 4


BASIC = Place(parts.basic, behind, 1)
BOTTLENECK = Place(parts.bottleneck)


def hybrid_resnet(
    *,
    attention: Gate | None = HybridAttention,
    transform: Place,
    depths: Sequence[int],
    widths: Sequence[int],
    stem_width: int = 64,
    stem: parts.Stem = parts.large_stem,
    shortcut: parts.Shortcut = parts.project,
    num_classes: int = 1000,
    in_channels: int = 3,
) -> Network:
    """A ResNet with attention in each transform: behind two 3x3, or within a bottleneck.

    Behind a bottleneck, where SE-ResNet has its gate, the feature is four times as wide as within,
    and so are the time to weigh it and the parameters. The attention is drawn after the ResNet,
    whose weights are those of the same seed without it.
    Input (B, in_channels, H, W), logits (B, num_classes).
    """
    network = resnet(
        transform=transform.transform,
        depths=depths,
        widths=widths,
        stem_width=stem_width,
        stem=stem,
        shortcut=shortcut,
        num_classes=num_classes,
        in_channels=in_channels,
    )
    if attention is None:
        return network
    for stage, width in zip(network.stages.children(), widths, strict=True):
        for block in stage.children():
            unit = block.get_submodule("unit")
            gate = attention(width // transform.narrower)
            unit.transform = transform.put(unit.get_submodule("transform"), gate)
    return network


def _photographs(depth: int) -> Callable[..., Network]:
    build = of_depth(hybrid_resnet, depth)
    return partial(build, transform=BASIC if depth < 50 else BOTTLENECK)


def _small_images(depth: int) -> Callable[..., Network]:
    return partial(
        hybrid_resnet,
        transform=BASIC,
        depths=cifar_depths(depth),
        widths=(16, 32, 64),
        stem_width=16,
        stem=parts.small_stem,
        shortcut=parts.pad,
    )


_OPTIONS: Options = {
    "stem": STEMS,
    "shortcut": SHORTCUTS,
    "transform": {
        "basic": BASIC,
        "bottleneck": BOTTLENECK,
        "bottleneck-2015": Place(parts.bottleneck_2015),
    },
    "attention": ATTENTION,
}
_HYBRID = partial(
    Family,
    paper="none; parts of Woo et al. 2018, CBAM, on He et al. 2015",
    year=2018,
    equation="y = relu(shortcut(x) + t (1 + s_c c) (1 + s_p p)), t = transform(x)",
    options=_OPTIONS,
)
_OWN = "it is this house's own: channel weights c and place weights p are CBAM's"
_STRENGTH = "s_c and s_p are computed from t and zero at first: it starts as the ResNet itself"

FAMILIES = (
    _HYBRID(
        name="hybrid-resnet",
        good_for="photographs: attention to channels and places for under 2% more parameters",
        size=224,
        num_classes=1000,
        models={f"hybrid_resnet{depth}": _photographs(depth) for depth in (18, 34, 50, 101, 152)},
        small_size=32,
        deviations=(
            _OWN,
            _STRENGTH,
            "in a bottleneck it stands behind the 3x3, where the feature is a quarter as wide; "
            "attention=hybrid of other networks stands behind the whole transform, as in SE-ResNet",
        ),
    ),
    _HYBRID(
        name="hybrid-resnet-cifar",
        good_for="small images: attention to channels and places for under 2% more parameters",
        size=32,
        num_classes=10,
        models={f"hybrid_resnet{depth}": _small_images(depth) for depth in (20, 56, 110)},
        sized={"hybrid_resnet{}": _small_images},
        small_size=8,
        deviations=(_OWN, _STRENGTH),
    ),
)
