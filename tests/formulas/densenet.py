"""Counts of DenseNets from Huang et al. 2016, section 3 and table 1."""

import re

from tally import Tally

LARGE = {
    121: ((6, 12, 24, 16), 32),
    161: ((6, 12, 36, 24), 48),
    169: ((6, 12, 32, 32), 32),
    201: ((6, 12, 48, 32), 32),
}


def counts(name: str) -> dict[str, int]:
    """Return what the paper gives for `name`; nothing for a network of another family."""
    match = re.fullmatch(r"densenet(_bc)?(\d+)(?:_(\d+))?", name)
    if not match:
        return {}
    depth, tally = int(match[2]), Tally()
    if match[3] is None:
        depths, growth = LARGE[depth]
        tally.conv_norm(7, 3, 2 * growth, 112)
        return _stages(tally, depths, growth, 2 * growth, 56, bottleneck=True, classes=1000)
    growth, bottleneck = int(match[3]), match[1] is not None
    width = 2 * growth if bottleneck else 16
    tally.conv(3, 3, width, 32)
    depths = ((depth - 4) // (6 if bottleneck else 3),) * 3
    return _stages(tally, depths, growth, width, 32, bottleneck=bottleneck, classes=10)


def _stages(
    tally: Tally,
    depths: tuple[int, ...],
    growth: int,
    width: int,
    side: int,
    *,
    bottleneck: bool,
    classes: int,
) -> dict[str, int]:
    """Layer l of a stage sees width + (l - 1) growth channels; bottlenecks of 4 growth."""
    for stage, depth in enumerate(depths):
        if stage > 0:
            after = width // 2 if bottleneck else width
            tally.norm(width)
            tally.conv(1, width, after, side)
            width, side = after, side // 2
        for _ in range(depth):
            tally.norm(width)
            if bottleneck:
                tally.conv_norm(1, width, 4 * growth, side)
                tally.conv(3, 4 * growth, growth, side)
            else:
                tally.conv(3, width, growth, side)
            width += growth
            tally.units += 1
    tally.norm(width)
    tally.linear(width, classes)
    return tally.counts()
