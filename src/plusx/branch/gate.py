"""Attention as a gate on the transform: y = merge(shortcut(x), gate(transform(x)))."""

from collections.abc import Callable

from torch import nn

from plusx.parts import Transform, sequence

__all__ = ["Gate", "gated"]

Gate = Callable[[int], nn.Module]
"""Makes the gate for a width: (B, C, H, W) -> (B, C, H, W)."""


def gated(transform: Transform, gate: Gate) -> Transform:
    """Return a transform that ends in a gate: `transform.body`, then `transform.gate`."""

    def made(in_channels: int, out_channels: int, *, stride: int) -> nn.Sequential:
        body = transform(in_channels, out_channels, stride=stride)
        return sequence(body=body, gate=gate(out_channels))

    return made
