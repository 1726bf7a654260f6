"""How shortcut and transform become one: merge(s, t), with its inverse where one exists."""

from collections.abc import Sequence
from typing import final

import torch
from torch import Tensor, nn

__all__ = ["Add", "Scaled"]


@final
class Add(nn.Module):
    """y = s + t.

    He et al. 2015, equation 1. s and t have one shape: a sum that broadcasts is nearly always a
    wrong width or stride, so it is refused. `inverse(y, t)` gives s back.
    """

    def forward(self, s: Tensor, t: Tensor) -> Tensor:
        _same_shape(s, t)
        return s + t

    def inverse(self, y: Tensor, t: Tensor) -> Tensor:
        """s = y - t."""
        return y - t


@final
class Scaled(nn.Module):
    """y = s + a t, with a learned.

    One scalar that starts at zero is ReZero (Bachlechner et al. 2020) and SkipInit (De and Smith
    2020); one value a channel, `shape=(C, 1, 1)`, that starts small is LayerScale (Touvron et al.
    2021). `inverse(y, t)` gives s back.
    """

    def __init__(self, scale: float = 0.0, *, shape: Sequence[int] = ()) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.full(tuple(shape), float(scale)))

    def forward(self, s: Tensor, t: Tensor) -> Tensor:
        _same_shape(s, t)
        return s + self.scale * t

    def inverse(self, y: Tensor, t: Tensor) -> Tensor:
        """s = y - a t."""
        return y - self.scale * t


def _same_shape(s: Tensor, t: Tensor) -> None:
    if s.shape != t.shape:
        raise ValueError(
            f"the shortcut gives {tuple(s.shape)} but the transform {tuple(t.shape)}; they must "
            "be equal to be added: give the unit a shortcut that changes width and stride alike"
        )
