"""Attention as a gate on the transform: y = merge(shortcut(x), gate(transform(x)))."""

from typing import Protocol, final

import torch
from torch import Tensor, nn

from plusx.parts import PLANE, Space, Transform

__all__ = ["Gate", "Gated", "GatedCandidate", "gated"]


class Gate(Protocol):
    """Makes the gate for a width in a space, which keeps the shape of its input.

    `ValueError` where the space has not what the gate looks at.
    """

    def __call__(self, width: int, /, *, space: Space = PLANE) -> nn.Module: ...


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


@final
class GatedCandidate(nn.Module):
    """t = (gate(g), F), with (g, F) = body(x, *context) along `dim`: what `merge.Highway` takes.

    The candidate is gated and what is forgotten of the shortcut stays between 0 and 1.
    """

    def __init__(self, body: nn.Module, gate: nn.Module, *, dim: int = 1) -> None:
        super().__init__()
        self.body = body
        self.gate = gate
        self.dim = dim

    def forward(self, x: Tensor, *context: object) -> Tensor:
        candidate, forget = self.body(x, *context).tensor_split(2, dim=self.dim)
        return torch.cat((self.gate(candidate), forget), self.dim)


def gated(transform: Transform, gate: Gate | None) -> Transform:
    """Return a transform that ends in a gate: `transform.body`, then `transform.gate`.

    Without a gate it is the transform itself.
    """
    if gate is None:
        return transform

    def made(in_channels: int, out_channels: int, *, stride: int) -> Gated:
        return Gated(transform(in_channels, out_channels, stride=stride), gate(out_channels))

    return made
