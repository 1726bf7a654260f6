"""LAMB: Adam's step, as long as the weights of each layer are."""

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor

from plusx.errors import InputError

__all__ = ["Lamb"]


class Lamb(torch.optim.Optimizer):
    """u = m' / (sqrt(v') + eps) + d w; w = w - lr |w| / |u| u, tensor by tensor.

    You et al. 2019, "Large batch optimization for deep learning", algorithm 2, in the form in which
    Wightman et al. 2021 trained with it (Apex, timm): m' and v' are Adam's averages corrected for
    their start from zero, and the paper's bound on |w| (phi) is left out. A group without weight
    decay keeps the length of Adam's step: the size of norms and biases does not say how far to go.
    The ratio is 1 where |w| or |u| is 0.

    Those trainings clip the norm of the whole gradient to 1; that is the loop's to do.
    """

    def __init__(
        self,
        params: Iterable[Any],
        *,
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-6,
        weight_decay: float = 0.0,
    ) -> None:
        super().__init__(
            params, {"lr": lr, "betas": betas, "eps": eps, "weight_decay": weight_decay}
        )

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        """Take a group of parameters on; raise InputError for numbers outside their range."""
        super().add_param_group(param_group)
        _check(self.param_groups[-1])

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> float | None:  # type: ignore[override]
        """Move every parameter that has a gradient; return the closure's loss, if there is one."""
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for group in self.param_groups:
            self._move(group)
        return loss

    def _move(self, group: dict[str, Any]) -> None:
        params = [p for p in group["params"] if p.grad is not None]
        if not params:
            return
        gradients = [p.grad for p in params]
        states = [self._state_of(p) for p in params]
        means = [state["mean"] for state in states]
        squares = [state["square"] for state in states]
        # parameters may have joined at different steps (gradual unfreezing)
        steps = [state["step"] for state in states]
        first, second = group["betas"]
        torch._foreach_lerp_(means, gradients, 1 - first)
        torch._foreach_mul_(squares, second)
        torch._foreach_addcmul_(squares, gradients, gradients, 1 - second)
        roots = torch._foreach_sqrt(squares)
        torch._foreach_div_(roots, [(1 - second**step) ** 0.5 for step in steps])
        torch._foreach_add_(roots, group["eps"])
        updates = torch._foreach_div(means, [1 - first**step for step in steps])
        torch._foreach_div_(updates, roots)
        if group["weight_decay"] > 0:
            torch._foreach_add_(updates, params, alpha=group["weight_decay"])
            torch._foreach_mul_(updates, _ratios(params, updates))
        torch._foreach_add_(params, updates, alpha=-group["lr"])

    def _state_of(self, param: Tensor) -> dict[str, Any]:
        """Return the parameter's state, counted on to the step that is being taken."""
        state: dict[str, Any] = self.state[param]
        if not state:
            state["step"] = 0
            state["mean"] = torch.zeros_like(param, memory_format=torch.preserve_format)
            state["square"] = torch.zeros_like(param, memory_format=torch.preserve_format)
        state["step"] += 1
        return state


def _ratios(params: list[Tensor], updates: tuple[Tensor, ...]) -> list[Tensor]:
    """Return |w| / |u| of each pair on their device, without waiting for it."""
    weights = torch.stack(list(torch._foreach_norm(params)))
    lengths = torch.stack(list(torch._foreach_norm(updates)))
    sensible = (weights > 0) & (lengths > 0)
    return list(torch.where(sensible, weights / lengths, 1.0).unbind())


def _check(group: dict[str, Any]) -> None:
    first, second = group["betas"]
    for name, holds, expected in (
        ("lr", group["lr"] >= 0, "0 or more"),
        ("betas", 0 <= first < 1 and 0 <= second < 1, "two numbers from 0 to below 1"),
        ("eps", group["eps"] > 0, "above 0, such as 1e-6"),
        ("weight_decay", group["weight_decay"] >= 0, "0 or more"),
    ):
        if not holds:
            raise InputError(f"{name} of Lamb is {group[name]}, expected {expected}")
