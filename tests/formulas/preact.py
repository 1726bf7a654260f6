"""Counts of pre-activation and wide networks: He et al. 2016, appendix; Zagoruyko 2016, table 1."""

import re

from tally import Tally

DEPTHS = {18: (2, 2, 2, 2), 34: (3, 4, 6, 3), 50: (3, 4, 6, 3), 101: (3, 4, 23, 3)}
DEPTHS |= {152: (3, 8, 36, 3), 200: (3, 24, 36, 3)}


def counts(name: str) -> dict[str, int]:
    """Return what the paper gives for `name`; nothing for a network of another family."""
    tally = Tally()
    if match := re.fullmatch(r"resnetv2_(\d+)", name):
        tally.conv(7, 3, 64, 112)  # its norm is the first unit's
        depth = int(match[1])
        unit = _wide if depth < 50 else _bottleneck
        widths = [width if depth < 50 else 4 * width for width in (64, 128, 256, 512)]
        _stages(tally, DEPTHS[depth], widths, 64, 56, unit)
        tally.linear(widths[-1], 1000)
    elif match := re.fullmatch(r"preact_resnet(\d+)", name):
        depth = int(match[1])
        tally.conv(3, 3, 16, 32)
        if depth == 110:  # 6n + 2 layers; the two in the paper with 9n + 2 are bottlenecks
            _stages(tally, ((depth - 2) // 6,) * 3, (16, 32, 64), 16, 32, _basic)
        else:
            _stages(tally, ((depth - 2) // 9,) * 3, (64, 128, 256), 16, 32, _bottleneck_2016)
        tally.linear(64 if depth == 110 else 256, 10)
    elif match := re.fullmatch(r"wrn(\d+)_(\d+)", name):
        depth, k = int(match[1]), int(match[2])
        tally.conv(3, 3, 16, 32)
        _stages(tally, ((depth - 4) // 6,) * 3, (16 * k, 32 * k, 64 * k), 16, 32, _wide)
        tally.linear(64 * k, 10)
    else:
        return {}
    return tally.counts()


def _stages(tally, depths, widths, before, side, unit) -> None:
    """Units of each stage, then the norm before the pooling."""
    for index, (depth, width) in enumerate(zip(depths, widths)):
        for position in range(depth):
            halve = index > 0 and position == 0
            tally.units += 1
            unit(tally, before, width, side, side // 2 if halve else side)
            side, before = (side // 2 if halve else side), width
    tally.norm(before)


def _basic(tally, before, width, side, smaller) -> None:
    tally.norm(before)
    tally.conv_norm(3, before, width, smaller)
    tally.conv(3, width, width, smaller)


def _wide(tally, before, width, side, smaller) -> None:
    _basic(tally, before, width, side, smaller)
    if before != width:
        tally.conv(1, before, width, smaller)


def _bottleneck(tally, before, width, side, smaller, middle=None) -> None:
    """Stride in the 3x3: the first 1x1 keeps the side."""
    tally.norm(before)
    tally.conv_norm(1, before, width // 4, side if middle is None else middle)
    tally.conv_norm(3, width // 4, width // 4, smaller)
    tally.conv(1, width // 4, width, smaller)
    if before != width:
        tally.conv(1, before, width, smaller)


def _bottleneck_2016(tally, before, width, side, smaller) -> None:
    """Stride in the first 1x1."""
    _bottleneck(tally, before, width, side, smaller, middle=smaller)
