"""The parts of a network in order: stem, each block, head."""

from collections.abc import Iterator

from torch import nn

from plusx.branch.streams import Beside

__all__ = ["outline"]


def outline(model: nn.Module, prefix: str = "") -> Iterator[tuple[str, nn.Module]]:
    """Walk through chains of numbered parts (stages, layers) down to blocks, in order.

    Streams side by side are walked through one after another.
    """
    for name, child in model.named_children():
        numbered = [key.isdigit() for key, _ in child.named_children()]
        chain = isinstance(child, nn.Sequential) and numbered and all(numbered)
        if chain or any(isinstance(m, Beside) for m in (child, *child.children())):
            yield from outline(child, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", child
