"""Shake-shake: two transforms, mixed at random, otherwise in the backward pass than forward."""

from collections.abc import Callable
from typing import Literal, final

import torch
from torch import Tensor, nn

__all__ = ["Draw", "Shake", "even", "keep", "shake"]

Draw = Callable[[Tensor], Tensor]
"""Gives the share of the first transform, of the shape of what it is given."""


def even(like: Tensor) -> Tensor:
    """Half and half: no randomness."""
    return torch.full_like(like, 0.5)


def keep(alpha: Tensor) -> Tensor:
    """Keep the share of the forward pass; for the backward pass alone."""
    return alpha


def shake(like: Tensor) -> Tensor:
    """Draw the share from all of [0, 1], anew."""
    return torch.rand_like(like)


@final
class Shake(nn.Module):
    """t = alpha f(x) + (1 - alpha) g(x), alpha uniform in [0, 1]; beta for alpha in its gradient.

    Gastaldi 2017, "Shake-shake regularization", section 1. `forward_share` makes alpha (`shake` or
    `even`), `backward_share` makes beta from it (`shake`, `even` or `keep`): Shake-Shake and
    Shake-Keep are theirs by name. One share for each sample ("image" in the paper) or one for the
    whole batch. In evaluation both count half, the mean of training over alpha.
    """

    def __init__(
        self,
        f: nn.Module,
        g: nn.Module,
        *,
        forward_share: Draw = shake,
        backward_share: Draw = shake,
        mode: Literal["sample", "batch"] = "sample",
    ) -> None:
        super().__init__()
        self.f = f
        self.g = g
        self.forward_share = forward_share
        self.backward_share = backward_share
        self.mode = mode

    def forward(self, x: Tensor, *context: object) -> Tensor:
        first: Tensor = self.f(x, *context)
        second: Tensor = self.g(x, *context)
        if not self.training:
            return (first + second) / 2
        count = x.shape[0] if self.mode == "sample" else 1
        like = torch.empty((count, *(1,) * (first.dim() - 1)), device=first.device)
        alpha = self.forward_share(like)
        beta = self.backward_share(alpha)
        # the value is that of alpha, the gradient that of beta: a detached part has none
        apart = first - second
        shaken = beta.to(first.dtype) * apart + ((alpha - beta).to(first.dtype) * apart).detach()
        return second + shaken

    def extra_repr(self) -> str:
        return (
            f"forward_share={self.forward_share.__name__}, "
            f"backward_share={self.backward_share.__name__}, mode={self.mode}"
        )
