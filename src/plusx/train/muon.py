"""Muon: momentum whose singular values are made equal before it moves the weights."""

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor

from plusx.errors import InputError

__all__ = ["Muon", "orthogonalise"]

# x (a + b x^2 + c x^4) is as steep at 0 as it can be while 5 turns of it stay near 1 (the post)
_A, _B, _C = 3.4445, -4.7750, 2.0315


class Muon(torch.optim.Optimizer):
    """v = m v + g; W = W - lr sqrt(max(1, rows / columns)) orthogonalise(g + m v).

    Jordan 2024, "Muon: an optimizer for hidden layers in neural networks"
    (kellerjordan.github.io/posts/muon). A filter is a matrix of one row an output channel,
    (out, in x k x k); the scale is that of this matrix. Weight decay is decoupled, 1 - lr d.

    Groups say whether they are `orthogonal`. Those that are not (norms, biases, the stem, the
    head) take torch's SGD with Nesterov momentum, weight decay added to the gradient. Groups have
    their own `lr`: an orthogonal step has length lr in every direction, whatever the gradient's.

    `row_norm` r holds the filters of a group at |W| = r sqrt(out): before every step they are set
    back to that length, as cifar10-airbench does with r = 1 (airbench94_muon.py). It is for filters
    that a norm follows, whose length does not matter; a filter of zeros stays as it is.

    A grouped convolution's filters are taken as one matrix, as if its groups saw the same channels.
    """

    def __init__(
        self,
        params: Iterable[Any],
        *,
        lr: float = 0.02,
        momentum: float = 0.95,
        weight_decay: float = 0.0,
        orthogonal: bool = True,
        row_norm: float | None = None,
        turns: int = 5,
    ) -> None:
        defaults = {
            "lr": lr,
            "momentum": momentum,
            "weight_decay": weight_decay,
            "orthogonal": orthogonal,
            "row_norm": row_norm,
            "turns": turns,
        }
        super().__init__(params, defaults)

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        """Take a group on; raise InputError for numbers or parameters that do not fit it."""
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
            params = [p for p in group["params"] if p.grad is not None]
            if params:
                (self._turn if group["orthogonal"] else self._slide)(group, params)
        return loss

    def _turn(self, group: dict[str, Any], params: list[Tensor]) -> None:
        """Take an orthogonal step."""
        moves = self._ahead(group, params, _gradients(params))
        if group["row_norm"] is not None:
            _set_length(params, group["row_norm"])
        if group["weight_decay"] > 0:
            torch._foreach_mul_(params, 1 - group["lr"] * group["weight_decay"])
        moves = _orthogonal(moves, turns=group["turns"])
        torch._foreach_add_(params, moves, alpha=-group["lr"])

    def _slide(self, group: dict[str, Any], params: list[Tensor]) -> None:
        """Take torch.optim.SGD's step with Nesterov momentum."""
        gradients = _gradients(params)
        if group["weight_decay"] > 0:
            decay = group["weight_decay"]
            gradients = list(torch._foreach_add(gradients, params, alpha=decay))
        moves = self._ahead(group, params, gradients)
        torch._foreach_add_(params, moves, alpha=-group["lr"])

    def _ahead(
        self, group: dict[str, Any], params: list[Tensor], gradients: list[Tensor]
    ) -> list[Tensor]:
        """v = m v + g; return g + m v."""
        velocities = [self._velocity(p) for p in params]
        torch._foreach_mul_(velocities, group["momentum"])
        torch._foreach_add_(velocities, gradients)
        return list(torch._foreach_add(gradients, velocities, alpha=group["momentum"]))

    def _velocity(self, param: Tensor) -> Tensor:
        state = self.state[param]
        if not state:
            state["velocity"] = torch.zeros_like(param, memory_format=torch.preserve_format)
        velocity: Tensor = state["velocity"]
        return velocity


def orthogonalise(
    matrices: Tensor, *, turns: int = 5, dtype: torch.dtype = torch.float32
) -> Tensor:
    """U S V' becomes U p(S) V' with p(S) near 1, by a Newton-Schulz iteration of degree 5.

    Jordan 2024: X = G / |G|, then `turns` times X = a X + b X X' X + c X X' X X' X. The iteration
    does not converge to 1: after 5 turns, singular values from 0.01 |G| up lie between 0.68 and
    1.21. Smaller ones are raised by up to a^turns and may stay below. (..., rows, columns); zeros
    stay zeros. `dtype` is that of the products: bfloat16 is enough where it is faster.
    """
    tall = matrices.shape[-2] > matrices.shape[-1]
    x = matrices.to(dtype)
    if tall:
        x = x.mT
    x = x / x.norm(dim=(-2, -1), keepdim=True).clamp(min=1e-7)
    found = (_turned_by_rows if dtype in (torch.float32, torch.float64) else _turned)(x, turns)
    return (found.mT if tall else found).to(matrices.dtype)


def _turned(x: Tensor, turns: int) -> Tensor:
    """X = (a + b A + c A A) X, with A = X X', `turns` times."""
    for _ in range(turns):
        gram = x @ x.mT
        x = _A * x + (_B * gram + _C * gram @ gram) @ x
    return x


def _turned_by_rows(x: Tensor, turns: int) -> Tensor:
    """Do the same by products of (rows, rows): P = a + b A + c A A, A = P A P, X = (P ... P P) X.

    Filters of 3 x 3 have nine columns a row: from 128 rows on 2.5 times as fast and more. What
    rounding adds to A grows by a^2 in a turn: with singular values over six decades, entries are
    off by up to 3e-4 of the largest in float32; bfloat16 would not do (LOG.md).
    """
    gram = x @ x.mT
    eye = torch.eye(gram.shape[-1], dtype=gram.dtype, device=gram.device)
    whole = eye
    for turn in range(turns):
        each = _A * eye + _B * gram + _C * gram @ gram
        whole = each @ whole if turn else each
        if turn < turns - 1:
            gram = each @ gram @ each
    return whole @ x


def _gradients(params: list[Tensor]) -> list[Tensor]:
    return [p.grad for p in params if p.grad is not None]


def _orthogonal(moves: list[Tensor], *, turns: int) -> list[Tensor]:
    """Orthogonalise and scale each move; those of equal shape go through the products together."""
    alike: dict[tuple[Any, ...], list[int]] = {}
    for place, move in enumerate(moves):
        alike.setdefault((move.shape, move.dtype, move.device), []).append(place)
    found = list(moves)
    for places in alike.values():
        matrices = torch.stack([moves[place].flatten(1) for place in places])
        rows, columns = matrices.shape[1:]
        products = torch.bfloat16 if matrices.is_cuda else torch.float32
        turned = orthogonalise(matrices, turns=turns, dtype=products)
        scaled = turned * max(1.0, rows / columns) ** 0.5
        for place, matrix in zip(places, scaled.unbind()):
            found[place] = matrix.view(moves[place].shape)
    return found


def _set_length(params: list[Tensor], row_norm: float) -> None:
    """Set |W| to row_norm sqrt(rows) where it is not 0, without waiting for the device."""
    lengths = torch.stack(list(torch._foreach_norm(params)))
    rows = torch.tensor([float(len(p)) for p in params], device=lengths.device)
    factors = torch.where(lengths > 0, row_norm * rows.sqrt() / lengths, 1.0)
    torch._foreach_mul_(params, list(factors.to(params[0].dtype).unbind()))


def _check(group: dict[str, Any]) -> None:
    for name, holds, expected in (
        ("lr", group["lr"] >= 0, "0 or more"),
        ("momentum", 0 <= group["momentum"] < 1, "0 or more and below 1"),
        ("weight_decay", group["weight_decay"] >= 0, "0 or more"),
        ("row_norm", group["row_norm"] is None or group["row_norm"] > 0, "above 0, or None"),
        ("turns", group["turns"] >= 1, "1 or more"),
    ):
        if not holds:
            raise InputError(f"{name} of Muon is {group[name]}, expected {expected}")
    for param in group["params"]:
        if group["orthogonal"] and param.dim() < 2:
            raise InputError(
                f"a parameter of shape {tuple(param.shape)} is in an orthogonal group of Muon, "
                "expected two dimensions or more; put it in a group with orthogonal=False"
            )
