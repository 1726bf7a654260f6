"""Counts of networks without convolutional shortcuts: VGG, table 1, and dense networks."""

import re

from tally import Tally

COLUMNS = {
    11: (1, 1, 2, 2, 2),
    13: (2, 2, 2, 2, 2),
    16: (2, 2, 3, 3, 3),
    19: (2, 2, 4, 4, 4),
}


def counts(name: str) -> dict[str, int]:
    """Return what the paper gives for `name`; nothing for a network of another family."""
    if match := re.fullmatch(r"vgg(\d+)(_bn)?(_cifar)?", name):
        return _vgg(int(match[1]), bool(match[2]), 32 if match[3] else 224)
    if match := re.fullmatch(r"(residual_)?mlp(\d+)_(\d+)", name):
        layers, width = int(match[2]), int(match[3])
        tally = Tally(units=(layers - 2) // 2 if match[1] else 0)
        tally.linear(28 * 28, width)
        for _ in range(layers - 2):
            tally.linear(width, width)
        tally.linear(width, 10)
        return tally.counts()
    return {}


def _vgg(depth: int, norms: bool, side: int) -> dict[str, int]:
    tally = Tally()
    before, small = 3, side == 32
    for convolutions, width in zip(COLUMNS[depth], (64, 128, 256, 512, 512)):
        for _ in range(convolutions):
            tally.conv(3, before, width, side, bias=1)
            if norms:
                tally.norm(width)
            before = width
        side //= 2
    for a, b in ((512, 10),) if small else ((512 * side * side, 4096), (4096, 4096), (4096, 1000)):
        tally.linear(a, b)
    return tally.counts()
