"""Counts of ResNets and plain nets from He et al. 2015, table 1 and section 4.2."""

import re

from tally import Tally

LARGE = {
    18: (2, 2, 2, 2),
    34: (3, 4, 6, 3),
    50: (3, 4, 6, 3),
    101: (3, 4, 23, 3),
    152: (3, 8, 36, 3),
    200: (3, 24, 36, 3),
}


def counts(name: str) -> dict[str, int]:
    """Return what the paper gives for `name`; nothing for a network of another family."""
    match = re.fullmatch(r"(resnet|plain)(\d+)", name)
    if not match:
        return {}
    kind, depth = match[1], int(match[2])
    if kind == "resnet" and depth in (164, 200, 1001):
        return _bottlenecks(depth)
    if depth not in LARGE:
        n = (depth - 2) // 6
        return {
            "params": _cifar(depth, maps=False),
            "macs": _cifar(depth, maps=True),
            "units": 3 * n if kind == "resnet" else 0,
        }
    if kind == "resnet":
        return {"units": sum(LARGE[depth])}
    return {"params": _plain(depth, maps=False), "macs": _plain(depth, maps=True), "units": 0}


def _bottlenecks(depth: int) -> dict[str, int]:
    """resnet200 (stride in the 3x3), and 164 and 1001 for small images (in the first 1x1)."""
    tally = Tally()
    small = depth != 200
    if small:
        tally.conv_norm(3, 3, 16, 32)
        depths, widths, before, side = ((depth - 2) // 9,) * 3, (64, 128, 256), 16, 32
    else:
        tally.conv_norm(7, 3, 64, 112)
        depths, widths, before, side = LARGE[depth], (256, 512, 1024, 2048), 64, 56
    for index, (units, width) in enumerate(zip(depths, widths)):
        for position in range(units):
            smaller = side // 2 if index > 0 and position == 0 else side
            tally.units += 1
            tally.conv_norm(1, before, width // 4, smaller if small else side)
            tally.conv_norm(3, width // 4, width // 4, smaller)
            tally.conv_norm(1, width // 4, width, smaller)
            if before != width:
                tally.conv_norm(1, before, width, smaller)
            before, side = width, smaller
    tally.linear(before, 10 if small else 1000)
    return tally.counts()


def _cifar(depth: int, *, maps: bool) -> int:
    """3x3 convolutions, 2n a stage, then 64 x 10: MACs, or weights with norms and the bias.

    A stage's first convolution has half the channels going in; its maps are its own stage's.
    """
    n = (depth - 2) // 6
    total = 9 * 3 * 16 * (32 * 32 if maps else 1) + 64 * 10 + (0 if maps else 2 * 16 + 10)
    for width, side in ((16, 32), (32, 16), (64, 8)):
        first = 9 * (width if width == 16 else width // 2) * width
        weights = first + (2 * n - 1) * 9 * width * width
        total += weights * side * side if maps else weights + 2 * n * 2 * width
    return total


def _plain(depth: int, *, maps: bool) -> int:
    """7x7, then 3x3 convolutions, two a block, then 512 x 1000."""
    total = 49 * 3 * 64 * (112 * 112 if maps else 1) + 512 * 1000 + (0 if maps else 128 + 1000)
    before = 64
    for blocks, width, side in zip(LARGE[depth], (64, 128, 256, 512), (56, 28, 14, 7)):
        weights = 9 * before * width + (2 * blocks - 1) * 9 * width * width
        total += weights * side * side if maps else weights + 2 * blocks * 2 * width
        before = width
    return total
