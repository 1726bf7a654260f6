"""Scaled transforms: y = relu(shortcut(x) + a transform(x)), where a is learned, unit by unit.

Residual gates (Savarese 2016), ReZero (Bachlechner 2020), SkipInit (De and Smith 2020) and
LayerScale (Touvron 2021), on the ResNets for small images of He et al. 2015.
"""

from collections.abc import Callable
from functools import partial

from torch import nn

from plusx import parts
from plusx.merge import ScalarGate, Scaled
from plusx.residual import Residual
from plusx.zoo.network import (
    SHORTCUTS,
    STEMS,
    Family,
    Network,
    Options,
    Range,
    cifar_depths,
    staged,
)
from plusx.zoo.resnet import TRANSFORMS

__all__ = ["FAMILIES", "bare_basic", "biased_stem", "scaled", "scaled_cifar"]

ScaledMerge = Callable[[int, float], nn.Module]
"""Makes the merge of a unit from its width and where its scale starts."""


def one_scale(width: int, start: float) -> nn.Module:
    """y = s + a t, one a for the unit: ReZero and SkipInit."""
    return Scaled(start)


def channel_scale(width: int, start: float) -> nn.Module:
    """y = s + a t, one a for each channel: LayerScale."""
    return Scaled(start, shape=(width, 1, 1))


def one_gate(width: int, start: float) -> nn.Module:
    """y = s + relu(k) t, one k for the unit: residual gates."""
    return ScalarGate(start)


def bare_basic(in_channels: int, out_channels: int, *, stride: int) -> nn.Sequential:
    """3x3 / stride, ReLU, 3x3, with biases in place of norms. De and Smith 2020, section 5."""
    return parts.sequence(
        conv1=nn.Conv2d(in_channels, out_channels, 3, stride=stride, padding=1),
        norm1=parts.NoNorm(out_channels),
        act1=nn.ReLU(),
        conv2=nn.Conv2d(out_channels, out_channels, 3, padding=1),
        norm2=parts.NoNorm(out_channels),
    )


def biased_stem(in_channels: int, width: int) -> nn.Sequential:
    """3x3 with bias, ReLU: the small stem without its norm."""
    return parts.sequence(
        conv=nn.Conv2d(in_channels, width, 3, padding=1),
        norm=parts.NoNorm(width),
        act=nn.ReLU(),
    )


def biased_large_stem(in_channels: int, width: int) -> nn.Sequential:
    """7x7 / 2 with bias, ReLU, 3x3 max-pool / 2: the large stem without its norm."""
    return parts.sequence(
        conv=nn.Conv2d(in_channels, width, 7, stride=2, padding=3),
        norm=parts.NoNorm(width),
        act=nn.ReLU(),
        pool=nn.MaxPool2d(3, stride=2, padding=1),
    )


def scaled(
    *,
    merge: ScaledMerge,
    scale: float,
    depths: tuple[int, int, int],
    transform: parts.Transform = parts.basic,
    shortcut: parts.Shortcut = parts.pad,
    stem: parts.Stem = parts.small_stem,
    num_classes: int = 10,
    in_channels: int = 3,
) -> Network:
    """Stem, stages of act(merge(shortcut(x), transform(x))) of 16, 32, 64 channels, linear head.

    He et al. 2015, section 4.2, with the scale of every transform learned from `scale` on. Input
    (B, in_channels, H, W), logits (B, num_classes).
    """

    def block(in_channels: int, out_channels: int, stride: int) -> nn.Module:
        unit = Residual(
            transform(in_channels, out_channels, stride=stride),
            shortcut=shortcut(in_channels, out_channels, stride=stride),
            merge=merge(out_channels, scale),
        )
        return parts.sequence(unit=unit, act=nn.ReLU())

    return staged(
        block,
        depths=depths,
        widths=(16, 32, 64),
        stem_width=16,
        stem=stem,
        num_classes=num_classes,
        in_channels=in_channels,
    )


_gated = partial(scaled, merge=one_gate, scale=1.0)
_rezero = partial(scaled, merge=one_scale, scale=0.0)
_skipinit = partial(scaled, merge=one_scale, scale=0.0, transform=bare_basic, stem=biased_stem)
_layerscale = partial(scaled, merge=channel_scale, scale=0.1)


def scaled_cifar(build: Callable[..., Network], depth: int) -> Callable[..., Network]:
    """Return `build` for three stages of n units: depth 6n + 2; `ValueError` for another."""
    return partial(build, depths=cifar_depths(depth))


_OPTIONS: Options = {
    "stem": STEMS,
    "shortcut": SHORTCUTS,
    "transform": TRANSFORMS,
    "scale": Range(0, 1),
}
_BARE: Options = {
    "stem": {"small": biased_stem, "large": biased_large_stem},
    "shortcut": {"pad": parts.pad, "project": parts.bare_project},
    "scale": Range(0, 1),
}
_ZEROS = "the zero channels of a padded shortcut stand on both sides"
_AFTER = "the unit is that of 2015, with its ReLU after the sum; the paper's is pre-activation"


def _family(
    prefix: str,
    paper: str,
    year: int,
    build: Callable[..., Network],
    *,
    equation: str,
    good_for: str,
    options: Options = _OPTIONS,
    deviations: tuple[str, ...] = (),
) -> Family:
    sized = partial(scaled_cifar, build)
    return Family(
        name=prefix,
        paper=paper,
        year=year,
        equation=equation,
        good_for=good_for,
        size=32,
        num_classes=10,
        models={f"{prefix}_resnet{depth}": sized(depth) for depth in (56,)},
        sized={f"{prefix}_resnet{{}}": sized},
        options=options,
        small_size=8,
        deviations=(_ZEROS, *deviations),
    )


FAMILIES = (
    _family(
        "gated",
        "Savarese et al. 2016, Learning identity mappings with residual gates",
        2016,
        _gated,
        equation="y = relu(shortcut(x) + relu(k) transform(x))",
        good_for="seeing which units a network can do without: their gates close",
        deviations=(_AFTER,),
    ),
    _family(
        "rezero",
        "Bachlechner et al. 2020, ReZero is all you need",
        2020,
        _rezero,
        equation="y = relu(shortcut(x) + a transform(x)), a = 0 at the start",
        good_for="a start at the identity, and faster first epochs",
    ),
    _family(
        "skipinit",
        "De and Smith 2020, Batch normalization biases residual blocks towards the identity "
        "function in deep networks",
        2020,
        _skipinit,
        equation="y = relu(shortcut(x) + a transform(x)), a = 0 at the start, no norm",
        good_for="training without batch statistics: small batches, exact gradients",
        options=_BARE,
        deviations=(_AFTER,),
    ),
    _family(
        "layerscale",
        "Touvron et al. 2021, Going deeper with image transformers",
        2021,
        _layerscale,
        equation="y = relu(shortcut(x) + a transform(x)), one a a channel, small at the start",
        good_for="very deep networks whose units should come in one after another",
        deviations=(
            "the paper scales the units of transformers; here those of a ResNet, from 0.1 (its "
            "start for up to 18 blocks, of two units each) whatever the depth",
        ),
    ),
)
