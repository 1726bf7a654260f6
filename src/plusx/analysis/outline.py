"""The parts of a network in order: stem, each block, head."""

from collections.abc import Iterator

from torch import nn

__all__ = ["outline"]


def outline(model: nn.Module, prefix: str = "") -> Iterator[tuple[str, nn.Module]]:
    """Walk through chains of numbered parts (stages, layers) down to blocks, in order."""
    for name, child in model.named_children():
        numbered = [key.isdigit() for key, _ in child.named_children()]
        if isinstance(child, nn.Sequential) and numbered and all(numbered):
            yield from outline(child, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", child
