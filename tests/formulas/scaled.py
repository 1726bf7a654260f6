"""Counts of ResNets with learned scales, and of Fixup: He et al. 2015 with other scalars."""

import re

from tally import Tally


def counts(name: str) -> dict[str, int]:
    """Return what the papers give for `name`; nothing for a network of another family."""
    match = re.fullmatch(r"(gated|rezero|skipinit|layerscale|fixup)_resnet(\d+)", name)
    if not match:
        return {}
    if name == "fixup_resnet50":
        return _fixup50()
    return _cifar(match[1], (int(match[2]) - 2) // 6)


def _cifar(kind: str, n: int) -> dict[str, int]:
    """Every 3x3 with its norm, its bias (SkipInit) or neither; then what the unit learns more."""
    tally = Tally(units=3 * n)

    def layer(before: int, after: int, side: int) -> None:
        tally.conv(3, before, after, side, bias=kind == "skipinit")
        if kind not in ("skipinit", "fixup"):
            tally.norm(after)

    layer(3, 16, 32)
    before = 16
    for width, side in ((16, 32), (32, 16), (64, 8)):
        for _ in range(n):
            layer(before, width, side)
            layer(width, width, side)
            # one number; one a channel; four shifts and a scale (Zhang et al. 2019, figure 1)
            tally.params += {"layerscale": width, "fixup": 5}.get(kind, 1)
            before = width
    tally.params += 2 * (kind == "fixup")  # a shift in the stem, one before the last layer
    tally.linear(64, 10)
    return tally.counts()


def _fixup50() -> dict[str, int]:
    """resnet50 without norms: six shifts and a scale a unit, two more outside."""
    tally = Tally(params=2)
    tally.conv(7, 3, 64, 112)
    before, side = 64, 56
    for depth, inner in ((3, 64), (4, 128), (6, 256), (3, 512)):
        for position in range(depth):
            after = side // 2 if position == 0 and inner > 64 else side
            tally.conv(1, before, inner, side)
            tally.conv(3, inner, inner, after)
            tally.conv(1, inner, 4 * inner, after)
            if position == 0:
                tally.conv(1, before, 4 * inner, after)
            tally.params += 7
            tally.units += 1
            before, side = 4 * inner, after
    tally.linear(before, 1000)
    return tally.counts()
