"""Counts of ResNets with hybrid attention, from its equations on those of He et al. 2015.

Channels: two weights matrices, C / 16 (at least 4, at most 8) wide inside, the first on mean and
maximum; places: 7x7 on two maps, BN; strengths: C weights and a bias each. In a bottleneck all of
it stands behind the 3x3.
"""

import re

from tally import Tally

DEPTHS = {18: (2, 2, 2, 2), 34: (3, 4, 6, 3), 50: (3, 4, 6, 3), 101: (3, 4, 23, 3)}
DEPTHS |= {152: (3, 8, 36, 3)}


def counts(name: str) -> dict[str, int]:
    """Return what the equations give for `name`; nothing for a network of another family."""
    match = re.fullmatch(r"hybrid_resnet(\d+)", name)
    if not match:
        return {}
    tally, depth = Tally(), int(match[1])
    if depth in DEPTHS:
        tally.conv_norm(7, 3, 64, 112)
        before, side, depths, widths = 64, 56, DEPTHS[depth], (64, 128, 256, 512)
    else:
        tally.conv_norm(3, 3, 16, 32)
        before, side, depths, widths = 16, 32, ((depth - 2) // 6,) * 3, (16, 32, 64)
    for stage, (count, inner) in enumerate(zip(depths, widths)):
        for position in range(count):
            after = side // 2 if stage and not position else side
            tally.units += 1
            width = inner
            if depth in DEPTHS and depth >= 50:
                width = 4 * inner
                tally.conv_norm(1, before, inner, side)
                tally.conv_norm(3, inner, inner, after)
                tally.conv_norm(1, inner, width, after)
            else:
                tally.conv_norm(3, before, width, after)
                tally.conv_norm(3, width, width, after)
            if before != width and depth in DEPTHS:
                tally.conv_norm(1, before, width, after)
            before, side = width, after
            attention(tally, inner, side)
    tally.linear(before, 1000 if depth in DEPTHS else 10)
    return tally.counts()


def attention(tally: Tally, width: int, side: int) -> None:
    inner = min(max(width // 16, 4), 8)
    tally.conv(1, width, inner, 1)
    tally.macs += width * inner  # the same weights on the maximum
    tally.conv(1, inner, width, 1)
    tally.conv_norm(7, 2, 1, side)
    for _ in ("channel", "place"):
        tally.linear(width, 1)
