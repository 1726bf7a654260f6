"""State dicts as other people's code writes them, key by key, with nothing of plusx."""

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

State = dict[str, Tensor]


def norm(name: str, width: int) -> State:
    return {
        f"{name}.weight": torch.rand(width) + 0.5,
        f"{name}.bias": torch.randn(width),
        f"{name}.running_mean": torch.randn(width),
        f"{name}.running_var": torch.rand(width) + 0.5,
        f"{name}.num_batches_tracked": torch.tensor(17),
    }


def conv(name: str, inner: int, outer: int, side: int) -> State:
    return {f"{name}.weight": torch.randn(outer, inner, side, side) / (inner * side)}


def linear(name: str, inner: int, outer: int) -> State:
    return {f"{name}.weight": torch.randn(outer, inner), f"{name}.bias": torch.randn(outer)}


def units(widths: Sequence[int], depth: int) -> Iterator[tuple[int, int, int, int]]:
    """(stage from 1, block from 0, width before, width) of basic units."""
    before = widths[0]
    for stage, width in enumerate(widths, start=1):
        for block in range(depth):
            yield stage, block, before, width
            before = width


def cifar(*, depth: int = 1, classes: int = 10, shortcut: bool = False) -> State:
    """akamaster's ResNet 6 depth + 2, and with `shortcut` kuangliu's."""
    state = conv("conv1", 3, 16, 3) | norm("bn1", 16)
    for stage, block, before, width in units((16, 32, 64), depth):
        name = f"layer{stage}.{block}"
        state |= conv(f"{name}.conv1", before, width, 3) | norm(f"{name}.bn1", width)
        state |= conv(f"{name}.conv2", width, width, 3) | norm(f"{name}.bn2", width)
        if shortcut and before != width:
            state |= conv(f"{name}.shortcut.0", before, width, 1)
            state |= norm(f"{name}.shortcut.1", width)
    return state | linear("linear", 64, classes)


def torchvision(*, classes: int = 1000, channels: int = 3) -> State:
    """torchvision's resnet18."""
    state = conv("conv1", channels, 64, 7) | norm("bn1", 64)
    for stage, block, before, width in units((64, 128, 256, 512), 2):
        name = f"layer{stage}.{block}"
        state |= conv(f"{name}.conv1", before, width, 3) | norm(f"{name}.bn1", width)
        state |= conv(f"{name}.conv2", width, width, 3) | norm(f"{name}.bn2", width)
        if before != width:
            state |= conv(f"{name}.downsample.0", before, width, 1)
            state |= norm(f"{name}.downsample.1", width)
    return state | linear("fc", 512, classes)
