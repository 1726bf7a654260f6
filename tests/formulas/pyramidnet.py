"""Counts of PyramidNets: Han et al. 2016, equation 3 and table 4."""

import re
from fractions import Fraction
from math import floor

from tally import Tally


def counts(name: str) -> dict[str, int]:
    """Return what the paper gives for `name`; nothing for a network of another family."""
    match = re.fullmatch(r"pyramidnet(110|164|272)_a(\d+)", name)
    if not match:
        return {}
    depth, alpha = int(match[1]), int(match[2])
    layers, expansion = (2, 1) if depth == 110 else (3, 4)
    units = (depth - 2) // layers
    tally = Tally(units=units)
    tally.conv_norm(3, 3, 16, 32)
    before, side = 16, 32
    width = Fraction(16)
    for unit in range(units):
        width += Fraction(alpha, units)
        inner = floor(width + Fraction(1, 2))
        smaller = side // 2 if unit in (units // 3, 2 * units // 3) else side
        tally.norm(before)
        if depth == 110:
            tally.conv_norm(3, before, inner, smaller)
            tally.conv_norm(3, inner, inner, smaller)
        else:
            tally.conv_norm(1, before, inner, side)
            tally.conv_norm(3, inner, inner, smaller)
            tally.conv_norm(1, inner, 4 * inner, smaller)
        before, side = inner * expansion, smaller
    assert before == (16 + alpha) * expansion  # table 4: the output's dimension
    tally.norm(before)
    tally.linear(before, 10)
    return tally.counts()
