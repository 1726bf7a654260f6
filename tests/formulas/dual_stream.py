"""Counts of two networks side by side, one of three channels and one of one, without fusion."""

import json
import re
from itertools import pairwise
from pathlib import Path

from tally import Tally

ONCE = json.loads((Path(__file__).parent.parent / "golden" / "resnet.json").read_text())
UNITS = {"resnet18": 8, "resnet34": 16, "resnet50": 16}


def counts(name: str) -> dict[str, int]:
    """Twice the one-stream network, but for a stem that sees one channel instead of three."""
    if name == "dualstream_mlp":
        tally = Tally()
        for channels in (3, 1):
            widths = (channels * 28 * 28, 128, 64, 32, 10)
            for before, after in pairwise(widths):
                tally.linear(before, after)
        return tally.counts()
    match = re.fullmatch(r"dualstream_(resnet\d+)", name)
    if not match:
        return {}
    fewer = 2 * 7 * 7 * 64
    once = ONCE[match[1]]
    return {
        "params": 2 * once["params"] - fewer,
        "macs": 2 * once["macs"] - fewer * 112 * 112,
        "units": 2 * UNITS[match[1]],
    }
