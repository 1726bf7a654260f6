"""Pre-activation: y = shortcut(x) + transform(relu(norm(x))), nothing after the sum.

He et al. 2016, "Identity mappings in deep residual networks", arXiv 1603.05027.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

from torch import nn

from plusx import parts
from plusx.errors import InputError
from plusx.residual import Residual
from plusx.zoo.depths import IMAGENET_DEPTHS, equal_stages
from plusx.zoo.network import Family, Network, Options

__all__ = [
    "BARE_STEMS",
    "ENDS_BARE",
    "FAMILIES",
    "opened_before",
    "opened_inside",
    "preact",
    "preact_cifar",
]


Opening = Callable[[int, nn.Module, nn.Module], nn.Module]
"""Makes a unit of a transform and a shortcut, opened by BN and ReLU of so many channels."""


def opened_inside(width: int, transform: nn.Module, shortcut: nn.Module) -> Residual:
    """y = shortcut(x) + transform(relu(norm(x))): the shortcut sees x itself.

    He et al. 2016, figure 4(e).
    """
    layers = dict(transform.named_children())
    opened = parts.sequence(norm1=nn.BatchNorm2d(width), act1=nn.ReLU(), **layers)
    return Residual(opened, shortcut=shortcut)


def opened_before(width: int, transform: nn.Module, shortcut: nn.Module) -> nn.Sequential:
    """h = relu(norm(x)), y = shortcut(h) + transform(h): both see what is shared.

    He et al. 2016, appendix: the first unit, and those whose shortcut projects.
    """
    unit = Residual(transform, shortcut=shortcut)
    return parts.sequence(norm=nn.BatchNorm2d(width), act=nn.ReLU(), unit=unit)


def preact(
    *,
    transform: parts.Transform,
    depths: Sequence[int],
    widths: Sequence[int],
    stem_width: int,
    stem: parts.Stem = parts.bare_large_stem,
    shortcut: parts.Shortcut = parts.bare_project,
    first: Opening = opened_inside,
    changing: Opening = opened_before,
    num_classes: int = 1000,
    in_channels: int = 3,
) -> Network:
    """Stem without norm, stages of shortcut(x) + transform(x), BN, ReLU, linear head; He init.

    He et al. 2016, appendix. Units that change the shape are opened as `changing` says, the
    network's first as `first` where it keeps the shape, all others inside their transform. Input
    (B, in_channels, H, W), logits (B, num_classes).
    """
    chain = nn.Sequential()
    channels = stem_width
    for index, (depth, width) in enumerate(zip(depths, widths, strict=True)):
        stage = nn.Sequential()
        for position in range(depth):
            stride = 2 if index > 0 and position == 0 else 1
            opened: Opening = first if index == position == 0 else opened_inside
            if channels != width or stride != 1:
                opened = changing
            made = transform(channels, width, stride=stride)
            stage.append(opened(channels, made, shortcut(channels, width, stride=stride)))
            channels = width
        chain.append(stage)
    network = Network(
        stem=stem(in_channels, stem_width),
        stages=chain,
        head=parts.norm_act_head(channels, num_classes),
    )
    parts.he_init(network)
    return network


_photo = partial(
    preact, transform=parts.preact_bottleneck, widths=(256, 512, 1024, 2048), stem_width=64
)
_small_photo = partial(_photo, transform=parts.preact_basic, widths=(64, 128, 256, 512))


@dataclass(frozen=True)
class _Kind:
    """One of the paper's two units, with all that goes with it in a network for CIFAR."""

    layers: int
    build: Callable[..., Network]


BASIC = _Kind(
    2,
    partial(
        preact,
        transform=parts.preact_basic,
        widths=(16, 32, 64),
        shortcut=parts.pad,
        first=opened_before,
        changing=opened_inside,
    ),
)
BOTTLENECK = _Kind(
    3, partial(preact, transform=parts.preact_bottleneck_2016, widths=(64, 128, 256))
)


def _cifar(
    *,
    depth: int,
    transform: _Kind,
    stem: parts.Stem = parts.bare_small_stem,
    num_classes: int = 10,
    in_channels: int = 3,
) -> Network:
    """3x3, three stages of n units: depth 6n + 2 of basic, 9n + 2 of bottleneck units."""
    return transform.build(
        depths=equal_stages(depth, layers=transform.layers),
        stem_width=16,
        stem=stem,
        num_classes=num_classes,
        in_channels=in_channels,
    )


def preact_cifar(depth: int) -> Callable[..., Network]:
    """3x3, three stages of 16, 32, 64 channels (basic) or 64, 128, 256 (bottleneck).

    He et al. 2016, appendix: basic units have zero-padded shortcuts, bottlenecks project. A depth
    that both can have is basic below 164 layers, bottleneck from there on, as in the paper. Returns
    the builder; `ValueError` for a depth that neither has.
    """
    fitting = [kind for kind in (BASIC, BOTTLENECK) if (depth - 2) % (3 * kind.layers) == 0]
    if depth < 8 or not fitting:
        raise InputError(
            f"pre-activation networks for small images have depth 6n + 2 (basic) or 9n + 2 "
            f"(bottleneck), which {depth} is not; such as 20, 29, 110, 164, 1001"
        )
    kind = fitting[-1] if depth >= 164 else fitting[0]
    return partial(_cifar, depth=depth, transform=kind)


BARE_STEMS = {"small": parts.bare_small_stem, "large": parts.bare_large_stem}
_PHOTO_OPTIONS: Options = {
    "stem": BARE_STEMS,
    "transform": {
        "basic": parts.preact_basic,
        "bottleneck": parts.preact_bottleneck,
        "bottleneck-2016": parts.preact_bottleneck_2016,
    },
}
ENDS_BARE = {"init=zero-last": "a pre-activation transform ends in a convolution, not in a norm"}
"""What a family of pre-activation networks does without."""

_PAPER = "He et al. 2016, Identity mappings in deep residual networks"
_EQUATION = "y = shortcut(x) + transform(relu(norm(x)))"

FAMILIES = (
    Family(
        name="preact",
        paper=_PAPER,
        year=2016,
        equation=_EQUATION,
        good_for="photographs, very deep: nothing stands on the way of the shortcut",
        size=224,
        num_classes=1000,
        models={
            f"resnetv2_{depth}": partial(_small_photo if depth < 50 else _photo, depths=depths)
            for depth, depths in IMAGENET_DEPTHS.items()
        },
        options=_PHOTO_OPTIONS,
        small_size=32,
        without=ENDS_BARE,
        deviations=(
            "the first BN and ReLU follow the max-pool of the stem, the paper's stand before it",
            "the stride of a bottleneck stands in its 3x3 (transform=bottleneck-2016 moves it)",
            "resnetv2_18 and 34 are timm's: the paper has no such networks",
        ),
    ),
    Family(
        name="preact-cifar",
        paper=f"{_PAPER}, appendix",
        year=2016,
        equation=_EQUATION,
        good_for="small images, up to a thousand layers",
        size=32,
        num_classes=10,
        models={f"preact_resnet{depth}": preact_cifar(depth) for depth in (110, 164, 1001)},
        sized={"preact_resnet{}": preact_cifar},
        options={"stem": BARE_STEMS, "transform": {"basic": BASIC, "bottleneck": BOTTLENECK}},
        small_size=8,
        without=ENDS_BARE,
        deviations=("the zero channels of a padded shortcut (basic units) stand on both sides",),
    ),
)
