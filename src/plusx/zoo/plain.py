"""Plain networks: y = relu(transform(x)), the residual networks' twins without shortcuts.

He et al. 2015, sections 3.3 and 4: the networks whose training error grows with depth.
"""

from collections.abc import Callable, Sequence
from functools import partial

from torch import nn

from plusx import parts
from plusx.zoo.network import NO_UNITS, STEMS, Family, Network, Options, cifar_depths, staged
from plusx.zoo.resnet import TRANSFORMS

__all__ = ["FAMILIES", "plain", "plain_cifar"]


def plain(
    *,
    transform: parts.Transform,
    depths: Sequence[int],
    widths: Sequence[int],
    stem_width: int,
    stem: parts.Stem = parts.large_stem,
    num_classes: int = 1000,
    in_channels: int = 3,
) -> Network:
    """Stem, stages of act(transform(x)), linear head: no shortcut, so no unit.

    He et al. 2015, figure 3 middle. Input (B, in_channels, H, W), logits (B, num_classes).
    """

    def block(in_channels: int, out_channels: int, stride: int) -> nn.Module:
        made = transform(in_channels, out_channels, stride=stride)
        return parts.sequence(transform=made, act=nn.ReLU())

    return staged(
        block,
        depths=depths,
        widths=widths,
        stem_width=stem_width,
        stem=stem,
        num_classes=num_classes,
        in_channels=in_channels,
    )


def plain_cifar(depth: int) -> Callable[..., Network]:
    """3x3, then three stages of 2n layers of 16, 32, 64 channels: depth 6n + 2.

    He et al. 2015, section 4.2. Returns the builder; `ValueError` for another depth.
    """
    return partial(
        plain,
        transform=parts.basic,
        depths=cifar_depths(depth),
        widths=(16, 32, 64),
        stem_width=16,
        stem=parts.small_stem,
    )


_photo = partial(plain, transform=parts.basic, widths=(64, 128, 256, 512), stem_width=64)
_OPTIONS: Options = {"stem": STEMS, "transform": TRANSFORMS}
_PAPER = "He et al. 2015, Deep residual learning for image recognition"
_EQUATION = "y = relu(transform(x))"
_GOOD_FOR = "seeing what the shortcut is for: the residual networks' twins without it"

FAMILIES = (
    Family(
        name="plain",
        paper=_PAPER,
        year=2015,
        equation=_EQUATION,
        good_for=_GOOD_FOR,
        size=224,
        num_classes=1000,
        models={
            "plain18": partial(_photo, depths=(2, 2, 2, 2)),
            "plain34": partial(_photo, depths=(3, 4, 6, 3)),
        },
        options=_OPTIONS,
        without=NO_UNITS,
    ),
    Family(
        name="plain-cifar",
        paper=f"{_PAPER}, section 4.2",
        year=2015,
        equation=_EQUATION,
        good_for=_GOOD_FOR,
        size=32,
        num_classes=10,
        models={f"plain{depth}": plain_cifar(depth) for depth in (20, 32, 44, 56, 110)},
        sized={"plain{}": plain_cifar},
        options=_OPTIONS,
        without=NO_UNITS,
        small_size=8,
    ),
)
