"""Attention as a gate on the transform: y = merge(shortcut(x), gate(transform(x)))."""

from collections.abc import Callable
from typing import final

from torch import Tensor, nn

from plusx.parts import Transform

__all__ = ["Gate", "Gated", "gated"]

Gate = Callable[[int], nn.Module]
"""Makes the gate for a width: (B, C, H, W) -> (B, C, H, W)."""


@final
class Gated(nn.Module):
    """t = gate(body(x, *context)).

    Hu et al. 2017, "Squeeze-and-excitation networks", figure 3: the gate stands at the end of the
    transform, before the merge. The body alone sees the context.
    """

    def __init__(self, body: nn.Module, gate: nn.Module) -> None:
        super().__init__()
        self.body = body
        self.gate = gate

    def forward(self, x: Tensor, *context: object) -> Tensor:
        t: Tensor = self.gate(self.body(x, *context))
        return t


def gated(transform: Transform, gate: Gate) -> Transform:
    """Return a transform that ends in a gate: `transform.body`, then `transform.gate`."""

    def made(in_channels: int, out_channels: int, *, stride: int) -> Gated:
        return Gated(transform(in_channels, out_channels, stride=stride), gate(out_channels))

    return made
