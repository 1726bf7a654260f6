"""Counts that a network must have: from the golden file, else from the paper's formula."""

import json
from pathlib import Path

GOLDEN = json.loads((Path(__file__).parent / "golden" / "networks.json").read_text())


def cifar_macs(depth: int) -> int:
    """MACs of a small-image net: 3x3 convolutions, 2n a stage, then 64 x 10.

    He et al. 2015, section 4.2. A stage's first convolution has half the channels going in, but
    the maps that it makes are those of its own stage.
    """
    n = (depth - 2) // 6
    total = 9 * 3 * 16 * 32 * 32 + 64 * 10
    for width, side in ((16, 32), (32, 16), (64, 8)):
        first = 9 * (width if width == 16 else width // 2) * width
        total += side * side * (first + (2 * n - 1) * 9 * width * width)
    return total


def expected(name: str) -> dict[str, int]:
    """Return params, macs and units of a network by name."""
    number = int(name.removeprefix("resnet").removeprefix("plain"))
    small = number not in (18, 34, 50, 101, 152)
    twin = GOLDEN[name.replace("plain", "resnet")]
    counts = dict(twin)
    if small:
        counts["macs"] = cifar_macs(number)
    if name.startswith("plain"):
        counts["units"] = 0
        if not small:  # the residual twin's three projections, with their norms
            widths = ((64, 128, 28), (128, 256, 14), (256, 512, 7))
            counts["params"] -= sum(a * b + 2 * b for a, b, _ in widths)
            counts["macs"] -= sum(a * b * side * side for a, b, side in widths)
    return counts
