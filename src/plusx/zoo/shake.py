"""Shake-shake: y = shortcut(x) + alpha f(x) + (1 - alpha) g(x), alpha drawn anew each time.

Gastaldi 2017, "Shake-shake regularization", arXiv 1705.07485.
"""

from collections.abc import Callable
from functools import partial
from typing import Literal, final

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from plusx import parts
from plusx.branch import Shake
from plusx.branch.shake import Draw, even, keep, shake
from plusx.errors import InputError
from plusx.residual import Residual
from plusx.zoo.depths import equal_stages
from plusx.zoo.network import Family, Network, staged

__all__ = ["FAMILIES", "TwoPaths", "shake_shake", "shaken_basic", "two_paths"]


def shaken_basic(in_channels: int, out_channels: int, *, stride: int) -> nn.Sequential:
    """ReLU, 3x3 / stride, BN, ReLU, 3x3, BN. Gastaldi 2017, section 2.1: one of the two."""
    return parts.sequence(
        act1=nn.ReLU(),
        conv1=parts.conv(in_channels, out_channels, 3, stride=stride),
        norm1=nn.BatchNorm2d(out_channels),
        act2=nn.ReLU(),
        conv2=parts.conv(out_channels, out_channels, 3),
        norm2=nn.BatchNorm2d(out_channels),
    )


@final
class TwoPaths(nn.Module):
    """y = BN([1x1(relu(x) / stride); 1x1(relu(x) shifted by one pixel / stride)]).

    Gastaldi 2017, section 2.1: two flows of half the width that see different pixels, the second
    shifted right and down. ReLU and BN are those of the author's code.
    """

    def __init__(self, in_channels: int, out_channels: int, *, stride: int) -> None:
        super().__init__()
        self.act = nn.ReLU()
        self.conv1 = parts.conv(in_channels, out_channels // 2, 1, stride=stride)
        self.conv2 = parts.conv(in_channels, out_channels // 2, 1, stride=stride)
        self.norm = nn.BatchNorm2d(out_channels)

    def forward(self, x: Tensor) -> Tensor:
        x = self.act(x)
        shifted = F.pad(x, (1, -1, 1, -1))
        y: Tensor = self.norm(torch.cat([self.conv1(x), self.conv2(shifted)], dim=1))
        return y


def two_paths(in_channels: int, out_channels: int, *, stride: int) -> nn.Module:
    """Return the identity, or two paths where the width changes."""
    if in_channels == out_channels and stride == 1:
        return nn.Identity()
    return TwoPaths(in_channels, out_channels, stride=stride)


def _bare_stem(in_channels: int, width: int) -> nn.Sequential:
    """3x3, BN: the first unit begins with the ReLU."""
    return parts.sequence(conv=parts.conv(in_channels, width, 3), norm=nn.BatchNorm2d(width))


def shake_shake(
    *,
    depth: int,
    width: int,
    forward: Draw = shake,
    backward: Draw = shake,
    level: Literal["sample", "batch"] = "sample",
    num_classes: int = 10,
    in_channels: int = 3,
) -> Network:
    """3x3, BN, three stages of n units of two transforms, ReLU, linear head; He init.

    Gastaldi 2017, section 2.1: 26 layers have n = 4; the widths are w, 2w and 4w for 2 x w d. Input
    (B, in_channels, H, W), logits (B, num_classes).
    """

    def block(in_channels: int, out_channels: int, stride: int) -> nn.Module:
        both = Shake(
            shaken_basic(in_channels, out_channels, stride=stride),
            shaken_basic(in_channels, out_channels, stride=stride),
            forward_share=forward,
            backward_share=backward,
            mode=level,
        )
        return Residual(both, shortcut=two_paths(in_channels, out_channels, stride=stride))

    network = staged(
        block,
        depths=equal_stages(depth, layers=2),
        widths=(width, 2 * width, 4 * width),
        stem_width=16,
        stem=_bare_stem,
        num_classes=num_classes,
        in_channels=in_channels,
    )
    network.head = parts.sequence(act=nn.ReLU(), **dict(network.head.named_children()))
    return network


def _named(depth: int, width: int) -> Callable[..., Network]:
    """Return the builder of shake{depth}_2x{width}d."""
    if width < 2 or width % 2:
        raise InputError(
            f"shake-shake networks have an even width, half for each path; {width} is not"
        )
    return partial(shake_shake, depth=depth, width=width)


FAMILIES = (
    Family(
        name="shake-shake",
        paper="Gastaldi 2017, Shake-shake regularization",
        year=2017,
        equation="y = shortcut(x) + alpha f(x) + (1 - alpha) g(x)",
        good_for="small images and few data: the strongest regularisation, for long training",
        size=32,
        num_classes=10,
        models={f"shake26_2x{width}d": _named(26, width) for width in (32, 64, 96, 112)},
        sized={"shake{}_2x{}d": _named},
        options={
            "forward": {"shake": shake, "even": even},
            "backward": {"shake": shake, "even": even, "keep": keep},
            "level": {"image": "sample", "batch": "batch"},
        },
        small_size=8,
        deviations=(
            "the shortcut that changes the width begins with a ReLU and ends in a BN, as in the "
            "author's code; the paper does not name them",
        ),
    ),
)
