"""The equation: y = merge(shortcut(x), transform(x))."""

from typing import final

from torch import Tensor, nn

from plusx.merge import Add

__all__ = ["Residual"]


@final
class Residual(nn.Module):
    """y = merge(shortcut(x), transform(x, *context)).

    He et al. 2015, "Deep residual learning for image recognition", equations 1 and 2. Only the
    transform sees the context (an edge list, a state, a mask); the shortcut sees x alone.

    Shapes: `shortcut(x)` and `transform(x)` are what `merge` asks for; `Add` wants them equal and
    raises `ValueError` where they are not. Without a shortcut the unit's is the identity.

    >>> import torch
    >>> unit = Residual(nn.Linear(4, 4))
    >>> _ = nn.init.zeros_(unit.transform.weight), nn.init.zeros_(unit.transform.bias)
    >>> x = torch.ones(1, 4)
    >>> torch.equal(unit(x), x)
    True
    """

    def __init__(
        self,
        transform: nn.Module,
        *,
        shortcut: nn.Module | None = None,
        merge: nn.Module | None = None,
    ) -> None:
        super().__init__()
        self.shortcut = nn.Identity() if shortcut is None else shortcut
        self.transform = transform
        self.merge = Add() if merge is None else merge

    def forward(self, x: Tensor, *context: object) -> Tensor:
        y: Tensor = self.merge(self.shortcut(x), self.transform(x, *context))
        return y
