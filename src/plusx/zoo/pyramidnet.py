"""PyramidNet: y = pad(x) + transform(x), a little wider in every unit.

Han et al. 2016, "Deep pyramidal residual networks", arXiv 1610.02915.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import final

import torch.nn.functional as F
from torch import Tensor, nn

from plusx import parts
from plusx.errors import InputError
from plusx.residual import Residual
from plusx.zoo.depths import equal_stages
from plusx.zoo.network import Family, Network

__all__ = ["FAMILIES", "PadEnd", "pyramid_widths", "pyramidnet"]


@final
class PadEnd(nn.Module):
    """y = x, then `channels` zero channels: no parameters.

    Han et al. 2016, section 3.3, figure 5: the new channels are a plain path, the others residual.
    (B, C, H, W) -> (B, C + channels, H, W).
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.channels = channels

    def forward(self, x: Tensor) -> Tensor:
        return F.pad(x, (0, 0, 0, 0, 0, self.channels))

    def extra_repr(self) -> str:
        return f"channels={self.channels}"


def pad_end(in_channels: int, out_channels: int, *, stride: int) -> nn.Module:
    """Average-pool / stride, then zero channels at the end; each where it is needed.

    Han et al. 2016, section 3.3.
    """
    steps: dict[str, nn.Module] = {}
    if stride != 1:
        steps["pool"] = nn.AvgPool2d(stride, ceil_mode=True, count_include_pad=False)
    if out_channels != in_channels:
        steps["pad"] = PadEnd(out_channels - in_channels)
    return parts.sequence(**steps) if steps else nn.Identity()


def basic(in_channels: int, out_channels: int, *, stride: int) -> nn.Sequential:
    """BN, 3x3 / stride, BN, ReLU, 3x3, BN. Han et al. 2016, figure 6(d)."""
    return parts.sequence(
        norm0=nn.BatchNorm2d(in_channels),
        **dict(parts.basic(in_channels, out_channels, stride=stride).named_children()),
    )


def bottleneck(in_channels: int, out_channels: int, *, stride: int) -> nn.Sequential:
    """BN, 1x1, BN, ReLU, 3x3 / stride, BN, ReLU, 1x1, BN. Han et al. 2016, section 3.4."""
    return parts.sequence(
        norm0=nn.BatchNorm2d(in_channels),
        **dict(parts.bottleneck(in_channels, out_channels, stride=stride).named_children()),
    )


def pyramid_widths(alpha: int, units: int) -> list[int]:
    """Return 16 + alpha k / units for unit k = 1, 2, ..., rounded to the nearest, halves up.

    Han et al. 2016, equation 3. The equation rounds down, and each width from the last; taken at
    its word an alpha below `units` would never widen. The authors' code keeps the width before
    rounding and rounds it to the nearest: so do we, and their counts of parameters follow.

    >>> pyramid_widths(48, 54)[:4]
    [17, 18, 19, 20]
    """
    return [(2 * (16 * units + alpha * k) + units) // (2 * units) for k in range(1, units + 1)]


@dataclass(frozen=True)
class _Kind:
    """One of the paper's two units: its transform, its layers, and how much wider it ends."""

    transform: parts.Transform
    layers: int
    expansion: int


BASIC, BOTTLENECK = _Kind(basic, 2, 1), _Kind(bottleneck, 3, 4)


def _pyramidnet(
    *, depth: int, alpha: int, transform: _Kind, num_classes: int = 10, in_channels: int = 3
) -> Network:
    """3x3, BN, three stages of widening units, BN, ReLU, linear head; He initialisation."""
    depths = equal_stages(depth, layers=transform.layers)
    widths = iter(pyramid_widths(alpha, sum(depths)))
    chain = nn.Sequential()
    channels = 16
    for index, count in enumerate(depths):
        stage = nn.Sequential()
        for position in range(count):
            stride = 2 if index > 0 and position == 0 else 1
            width = next(widths) * transform.expansion
            unit = Residual(
                transform.transform(channels, width, stride=stride),
                shortcut=pad_end(channels, width, stride=stride),
            )
            stage.append(unit)
            channels = width
        chain.append(stage)
    stem = parts.sequence(conv=parts.conv(in_channels, 16, 3), norm=nn.BatchNorm2d(16))
    head = parts.norm_act_head(channels, num_classes)
    network = Network(stem=stem, stages=chain, head=head)
    parts.he_init(network)
    return network


def pyramidnet(depth: int, alpha: int) -> Callable[..., Network]:
    """Three stages, `alpha` channels wider at the end: basic below 164 layers, else bottleneck.

    Han et al. 2016, table 4. Returns the builder; `ValueError` for a depth that is not 6n + 2
    (basic) or 9n + 2 (bottleneck), or an alpha below 1.
    """
    if alpha < 1:
        raise InputError(f"a pyramid widens by {alpha} channels; expected at least 1")
    kind = BASIC if depth < 164 else BOTTLENECK
    equal_stages(depth, layers=kind.layers)
    return partial(_pyramidnet, depth=depth, alpha=alpha, transform=kind)


_TABLE_4 = {
    (110, 48): (4.62, 23.31),
    (110, 84): (4.27, 20.21),
    (110, 270): (3.73, 18.25),
    (164, 48): (4.21, 19.52),
    (164, 84): (3.96, 18.32),
    (164, 270): (3.48, 17.01),
    (272, 200): (3.31, 16.35),
}

FAMILIES = (
    Family(
        name="pyramidnet",
        paper="Han et al. 2016, Deep pyramidal residual networks",
        year=2016,
        equation="y = pad(x) + transform(x)",
        good_for="small images: the last tenths of a percent, at a cost",
        size=32,
        num_classes=10,
        models={f"pyramidnet{depth}_a{a}": pyramidnet(depth, a) for depth, a in _TABLE_4},
        sized={"pyramidnet{}_a{}": pyramidnet},
        options={"transform": {"basic": BASIC, "bottleneck": BOTTLENECK}},
        small_size=8,
        deviations=("widths are rounded to the nearest as in the authors' code, not down",),
    ),
)
