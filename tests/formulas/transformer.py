"""Counts of ViTs from Dosovitskiy et al. 2020, equations 1 to 4; tiny and small: DeiT, table 1."""

import re

WIDTHS = {"tiny": 192, "small": 384, "base": 768}
DEPTH = 12


def counts(name: str) -> dict[str, int]:
    """Count every linear map once a token, and attention's two matrix products.

    At 224 pixels 1000 classes, at 32 pixels 10, from 3 channels.
    """
    match = re.fullmatch(r"vit_(tiny|small|base)_patch(\d+)_(224|32)", name)
    if not match:
        return {}
    width, patch, size = WIDTHS[match[1]], int(match[2]), int(match[3])
    classes = 1000 if size == 224 else 10
    patches = (size // patch) ** 2
    tokens = patches + 1
    embed = 3 * patch**2 * width
    block = width * 3 * width + width * width + 2 * width * 4 * width
    biases = 3 * width + width + 4 * width + width
    norms = 2 * 2 * width
    products = 2 * tokens * tokens * width  # q k' and softmax(q k') v, all heads together
    return {
        "params": embed
        + width
        + width
        + tokens * width
        + DEPTH * (block + biases + norms)
        + 2 * width
        + (width + 1) * classes,
        "macs": patches * embed + DEPTH * (tokens * block + products) + width * classes,
        "units": 2 * DEPTH,
    }
