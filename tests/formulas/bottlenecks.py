"""Counts of ResNeXt, wide ResNets, ResNet-D and ResNet-RS, from the tables of their papers.

Xie et al. 2016, table 1 and section 5.3; Zagoruyko and Komodakis 2016, section 3.3; He et al. 2018,
section 4; Bello et al. 2021, section 4 and appendix B.
"""

import re

from tally import Tally

WIDTHS = (256, 512, 1024, 2048)
DEPTHS = {18: (2, 2, 2, 2), 34: (3, 4, 6, 3), 50: (3, 4, 6, 3), 101: (3, 4, 23, 3)}
DEPTHS |= {152: (3, 8, 36, 3)}
RS_DEPTHS = DEPTHS | {200: (3, 24, 36, 3), 270: (4, 29, 53, 4)}
RS_DEPTHS |= {350: (4, 36, 72, 4), 420: (4, 44, 87, 4)}


def counts(name: str) -> dict[str, int]:
    """Return what the paper gives for `name`; nothing for a network of another family."""
    tally = Tally()
    if match := re.fullmatch(r"resnext(29|50|101)_(\d+)x(\d+)d", name):
        depth, paths, width = map(int, match.groups())
        if depth == 29:
            tally.conv_norm(3, 3, 64, 32)
            _stages(tally, (3, 3, 3), WIDTHS[:3], 32, 1, width / 64 * paths, paths)
            tally.linear(1024, 10)
        else:
            tally.conv_norm(7, 3, 64, 112)
            _stages(tally, DEPTHS[depth], WIDTHS, 56, 1, width / 64 * paths, paths)
            tally.linear(2048, 1000)
    elif match := re.fullmatch(r"wide_resnet(50|101)_(\d+)", name):
        tally.conv_norm(7, 3, 64, 112)
        _stages(tally, DEPTHS[int(match[1])], WIDTHS, 56, 1, int(match[2]), 1)
        tally.linear(2048, 1000)
    elif match := re.fullmatch(r"resnet(\d+)d", name):
        depth = int(match[1])
        _deep_stem(tally)
        if depth < 50:
            _basic_stages(tally, DEPTHS[depth])
        else:
            _stages(tally, DEPTHS[depth], WIDTHS, 56, 1, 1, 1)
        tally.linear(512 if depth < 50 else 2048, 1000)
    elif match := re.fullmatch(r"resnetrs(\d+)", name):
        _deep_stem(tally)
        tally.conv_norm(3, 64, 64, 56)
        _stages(tally, RS_DEPTHS[int(match[1])], WIDTHS, 56, 4, 1, 1)
        tally.linear(2048, 1000)
    else:
        return {}
    return tally.counts()


def _deep_stem(tally: Tally) -> None:
    for before, after in ((3, 32), (32, 32), (32, 64)):
        tally.conv_norm(3, before, after, 112)


def _stages(tally, depths, widths, side, gate, factor, groups) -> None:
    """1x1, 3x3 in groups, 1x1; `factor` quarters of the width inside; SE of width / `gate`."""
    before = 64
    for index, (depth, width) in enumerate(zip(depths, widths)):
        inner = int(width // 4 * factor)
        for position in range(depth):
            smaller = side // 2 if index > 0 and position == 0 else side
            tally.units += 1
            tally.conv_norm(1, before, inner, side)
            tally.conv_norm(3, inner, inner, smaller, groups)
            tally.conv_norm(1, inner, width, smaller)
            if before != width:
                tally.conv_norm(1, before, width, smaller)
            if gate > 1:
                tally.conv(1, width, width // gate, 1, bias=1)
                tally.conv(1, width // gate, width, 1, bias=1)
            before, side = width, smaller


def _basic_stages(tally: Tally, depths: tuple[int, ...]) -> None:
    before, side = 64, 56
    for index, (depth, width) in enumerate(zip(depths, (64, 128, 256, 512))):
        side = side // 2 if index else side
        for _ in range(depth):
            tally.units += 1
            tally.conv_norm(3, before, width, side)
            tally.conv_norm(3, width, width, side)
            if before != width:
                tally.conv_norm(1, before, width, side)
            before = width
