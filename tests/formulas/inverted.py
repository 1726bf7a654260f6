"""Counts of MobileNetV2 (Sandler et al. 2018, table 2) and EfficientNet (Tan and Le 2019, table 1).

Widths are rounded to multiples of 8, never below 90%, as in both authors' code.
"""

import math
import re

from tally import Tally

# expansion, channels, blocks, stride, kernel
MOBILE = (
    (1, 16, 1, 1, 3),
    (6, 24, 2, 2, 3),
    (6, 32, 3, 2, 3),
    (6, 64, 4, 2, 3),
    (6, 96, 3, 1, 3),
    (6, 160, 3, 2, 3),
    (6, 320, 1, 1, 3),
)
EFFICIENT = (
    (1, 16, 1, 1, 3),
    (6, 24, 2, 2, 3),
    (6, 40, 2, 2, 5),
    (6, 80, 3, 2, 3),
    (6, 112, 3, 1, 5),
    (6, 192, 4, 2, 5),
    (6, 320, 1, 1, 3),
)
# tenths of width, tenths of depth, pixels: the authors' code
SCALES = {
    0: (10, 10, 224),
    1: (10, 11, 240),
    2: (11, 12, 260),
    3: (12, 14, 300),
    4: (14, 18, 380),
    5: (16, 22, 456),
    6: (18, 26, 528),
    7: (20, 31, 600),
}


def counts(name: str) -> dict[str, int]:
    """Return what the papers give for `name`; nothing for a network of another family."""
    if match := re.fullmatch(r"mobilenet_v2(?:_(\d+))?", name):
        percent = int(match[1] or 100)
        last = _eights(1280 * max(percent, 100), 100)
        return _count(MOBILE, percent, 100, 10, 224, last=last, gated=False)
    if match := re.fullmatch(r"efficientnet_b([0-7])", name):
        width, depth, side = SCALES[int(match[1])]
        last = 4 * _eights(320 * width, 10)
        return _count(EFFICIENT, width, 10, depth, side, last=last, gated=True)
    return {}


def _eights(times: int, of: int) -> int:
    """Round times / of to a multiple of 8: in whole numbers, the nearest, halves up."""
    nearest = max(8, (2 * times + 8 * of) // (16 * of) * 8)
    return nearest if 10 * nearest * of >= 9 * times else nearest + 8


def _count(
    stages: tuple[tuple[int, ...], ...],
    width: int,
    of: int,
    tenths_deep: int,
    side: int,
    *,
    last: int,
    gated: bool,
) -> dict[str, int]:
    tally = Tally()
    side = -(-side // 2)
    before = _eights(32 * width, of)
    tally.conv_norm(3, 3, before, side)
    for expansion, channels, blocks, first, kernel in stages:
        after = _eights(channels * width, of)
        for block in range(math.ceil(blocks * tenths_deep / 10)):
            stride = first if block == 0 else 1
            inner = before * expansion
            if expansion > 1:
                tally.conv_norm(1, before, inner, side)
            side = -(-side // stride)
            tally.conv_norm(kernel, inner, inner, side, inner)
            if gated:
                tally.conv(1, inner, max(1, before // 4), 1, bias=1)
                tally.conv(1, max(1, before // 4), inner, 1, bias=1)
            tally.conv_norm(1, inner, after, side)
            tally.units += stride == 1 and before == after
            before = after
    tally.conv_norm(1, before, last, side)
    tally.linear(last, 1000)
    return tally.counts()
