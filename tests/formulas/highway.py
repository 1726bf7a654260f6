"""Counts of highway networks: a layer and a gate of the same shape. Srivastava et al. 2015."""

import re

from tally import Tally

# FitNet 4's widths; 9/16 of them for the thin network of 32 layers
WIDTHS = {19: (32, 80, 128), 32: (18, 45, 72)}


def counts(name: str) -> dict[str, int]:
    """Return what the paper gives for `name`; nothing for a network of another family."""
    if match := re.fullmatch(r"highway(\d+)", name):
        return _dense(int(match[1]))
    if match := re.fullmatch(r"highway_conv(\d+)", name):
        return _conv(int(match[1]))
    return {}


def _dense(depth: int) -> dict[str, int]:
    """A plain layer to 50 units, depth - 1 highway layers of 50, ten classes."""
    tally = Tally(units=depth - 1)
    tally.linear(28 * 28, 50)
    for _ in range(2 * (depth - 1)):
        tally.linear(50, 50)
    tally.linear(50, 10)
    return tally.counts()


def _conv(depth: int) -> dict[str, int]:
    """Three plain 3x3, the highway layers after them shared out first to last, ten classes."""
    tally, before, side, left = Tally(units=depth - 4), 3, 32, depth - 4
    for stage, width in enumerate(WIDTHS[depth]):
        here = -(-left // (3 - stage))
        tally.conv(3, before, width, side, bias=1)
        for _ in range(2 * here):
            tally.conv(3, width, width, side, bias=1)
        before, side, left = width, side // 2, left - here
    tally.linear(before, 10)
    return tally.counts()
