"""Counts of ResNets with attention, from the equations of their papers.

Hu et al. 2017, equation 3 (at least 8 wide inside, as timm's 18 and 34); Wang et al. 2019,
equation 12; Woo et al. 2018, equations 2 and 3 (a norm on the 7x7); Park et al. 2018, equations 3
and 4; Wang et al. 2017, figure 2, section 3.3 and section 5.1.
"""

import math
import re

from tally import Tally

DEPTHS = {18: (2, 2, 2, 2), 34: (3, 4, 6, 3), 50: (3, 4, 6, 3), 101: (3, 4, 23, 3)}
DEPTHS |= {152: (3, 8, 36, 3)}


def counts(name: str) -> dict[str, int]:
    """Return what the papers give for `name`; nothing for a network of another family."""
    tally = Tally()
    if match := re.fullmatch(r"(se|cbam_|bam_|nonlocal_)resnet(\d+)", name):
        _network(tally, match[1].rstrip("_"), int(match[2]))
    elif match := re.fullmatch(r"ecaresnet(\d+)(d?)", name):
        _network(tally, "eca", int(match[1]), deep=bool(match[2]))
    elif match := re.fullmatch(r"seresnext(\d+)_(\d+)x(\d+)d", name):
        depth, paths, width = map(int, match.groups())
        _network(tally, "se", depth, paths=paths, path_width=width)
    else:
        return {}
    return tally.counts()


def _network(
    tally: Tally, kind: str, depth: int, *, deep: bool = False, paths: int = 1, path_width: int = 64
) -> None:
    for before, after in ((3, 32), (32, 32), (32, 64)) if deep else ():
        tally.conv_norm(3, before, after, 112)
    if not deep:
        tally.conv_norm(7, 3, 64, 112)
    before, side, growth = 64, 56, 1 if depth < 50 else 4
    for stage, count in enumerate(DEPTHS[depth]):
        width = 64 * 2**stage * growth
        for position in range(count):
            after = side // 2 if stage and not position else side
            tally.units += 1
            if growth == 1:
                tally.conv_norm(3, before, width, after)
                tally.conv_norm(3, width, width, after)
            else:
                inner = width // 4 * path_width // 64 * paths
                tally.conv_norm(1, before, inner, side)
                tally.conv_norm(3, inner, inner, after, paths)
                tally.conv_norm(1, inner, width, after)
            if before != width:
                tally.conv_norm(1, before, width, after)
            before, side = width, after
            if kind in GATES:
                GATES[kind](tally, width, side)
            elif kind == "nonlocal" and stage in (1, 2) and position % 2 == 1:
                tally.units += 1
                non_local(tally, width, side)
        if kind == "bam" and stage < 3:
            tally.units += 1
            bam(tally, width, side)
    tally.linear(before, 1000)


def se(tally: Tally, width: int, side: int) -> None:
    inner = max(8, width // 16)
    tally.conv(1, width, inner, 1, bias=1)
    tally.conv(1, inner, width, 1, bias=1)


def eca(tally: Tally, width: int, side: int) -> None:
    real = (math.log2(width) + 1) / 2
    kernel = min((3, 5, 7, 9), key=lambda odd: (abs(odd - real), -odd))
    tally.params += kernel
    tally.macs += kernel * width


def cbam(tally: Tally, width: int, side: int) -> None:
    for before, after in ((width, width // 16), (width // 16, width)):
        tally.conv(1, before, after, 1, bias=1)
        tally.macs += before * after  # the same weights on the maximum
    tally.conv_norm(7, 2, 1, side)


def bam(tally: Tally, width: int, side: int) -> None:
    inner = width // 16
    tally.conv(1, width, inner, 1, bias=1)
    tally.conv(1, inner, width, 1, bias=1)
    tally.norm(width)
    tally.conv(1, width, inner, side, bias=1)
    tally.conv(3, inner, inner, side, bias=1)
    tally.conv(3, inner, inner, side, bias=1)
    tally.conv(1, inner, 1, side, bias=1)
    tally.norm(1)


def non_local(tally: Tally, width: int, side: int) -> None:
    inner = width // 2
    for _ in ("theta", "phi", "g"):
        tally.conv(1, width, inner, side, bias=1)
    tally.conv(1, inner, width, side, bias=1)
    tally.norm(width)
    tally.macs += 2 * side**2 * (side // 2) ** 2 * inner  # all pairs, twice


GATES = {"se": se, "eca": eca, "cbam": cbam}
