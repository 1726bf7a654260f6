"""Counts of shake-shake networks, from Gastaldi 2017, section 2.1, and the author's code."""

import re

from tally import Tally


def counts(name: str) -> dict[str, int]:
    """Return what the paper gives for `name`; nothing for a network of another family."""
    match = re.fullmatch(r"shake(\d+)_2x(\d+)d", name)
    if not match:
        return {}
    depth, first = int(match[1]), int(match[2])
    tally = Tally()
    tally.conv_norm(3, 3, 16, 32)
    before = 16
    for width, side in ((first, 32), (2 * first, 16), (4 * first, 8)):
        for _ in range((depth - 2) // 6):
            tally.units += 1
            for _ in ("f", "g"):
                tally.conv_norm(3, before, width, side)
                tally.conv_norm(3, width, width, side)
            if before != width:  # two 1x1 of half the width, one norm
                tally.conv_norm(1, before, width, side)
            before = width
    tally.linear(before, 10)
    return tally.counts()
