"""Counts of graph networks, Kipf and Welling 2016, equation 2: 18 nodes, 7 features, 2 classes."""

import re

NODES, FEATURES, WIDTH, CLASSES = 18, 7, 64, 2


def counts(name: str) -> dict[str, int]:
    """Count X W (N F C) and A (X W) (N N C, as dense) in each unit, and a norm."""
    match = re.fullmatch(r"residual_gcn(\d+)", name)
    if not match:
        return {}
    depth = int(match[1])
    weights = FEATURES * WIDTH + depth * WIDTH * WIDTH
    head = WIDTH * CLASSES
    return {
        "params": weights + WIDTH + depth * 2 * WIDTH + head + CLASSES,
        "macs": NODES * weights + depth * NODES * NODES * WIDTH + head,
        "units": depth,
    }
