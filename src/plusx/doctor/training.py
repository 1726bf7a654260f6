"""Training: how the caller trains the network, as far as it is known."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

__all__ = ["Training"]


@dataclass(frozen=True, kw_only=True, eq=False)
class Training:
    """What trains the network; the examination works on copies of all of it.

    `optimizer` holds the network's own parameters. `loss(logits, labels)` gives a tensor. `step` is
    the caller's own training step, `step(model, optimizer, x, labels) -> loss or None`; without it
    one is made of optimizer and loss. `predict(model, x) -> logits` is how the caller evaluates;
    without it, `model.eval()(x)`. `epochs` and `rate_by_step` tell a schedule, if there is one.
    """

    optimizer: torch.optim.Optimizer | None = None
    loss: Callable[[Tensor, Tensor], Tensor] | None = None
    step: Callable[[nn.Module, torch.optim.Optimizer, Tensor, Tensor], object] | None = None
    predict: Callable[[nn.Module, Tensor], Tensor] | None = None
    batch_size: int | None = None
