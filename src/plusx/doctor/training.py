"""Training: how the caller trains the network, as far as it is known."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

__all__ = ["Training"]


@dataclass(frozen=True, kw_only=True, eq=False)
class Training:
    """What trains the network; the examination works on copies of all of it that can be copied.

    What a function encloses, and an object with a file or a lock, is used as it is. `optimizer`
    holds the network's own parameters; of a schedule, the peak is looked at that torch notes in it
    (`initial_lr`, `max_lr`). `loss(logits, targets)` gives a tensor. `step` is the caller's own
    training step, `step(model, optimizer, x, labels) -> loss or None`; without it one is made of
    optimizer and loss. It has to use the model and the optimizer that it is given. `predict(model,
    x) -> logits` is how the caller evaluates; without it, `model.eval()(x)`.

    Both are called in the mode in which the network was given: a step may leave `train()` to the
    loop around it, whose mode is then the network's. `batch_size` counts the images of a step.
    """

    optimizer: torch.optim.Optimizer | None = None
    loss: Callable[[Tensor, Tensor], Tensor] | None = None
    step: Callable[[nn.Module, torch.optim.Optimizer, Tensor, Tensor], object] | None = None
    predict: Callable[[nn.Module, Tensor], Tensor] | None = None
    batch_size: int | None = None
