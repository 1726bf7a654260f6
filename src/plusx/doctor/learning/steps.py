"""A step of training on copies: the caller's own, or one made of optimizer and loss."""

from collections.abc import Callable
from itertools import chain

import torch
from torch import Tensor, nn

from plusx.doctor.finding import NotApplicable
from plusx.doctor.learning.answers import surprise
from plusx.doctor.patient import Patient

__all__ = ["loss_of", "need_step", "optimizer_of", "present_rate", "raised", "take_step", "weights"]


def loss_of(patient: Patient) -> Callable[[Tensor, Tensor], Tensor]:
    """Return the caller's loss, or the cross-entropy."""
    training = patient.training
    return training.loss if training is not None and training.loss is not None else surprise


def optimizer_of(patient: Patient) -> torch.optim.Optimizer:
    """Return the optimizer of the patient; raise `NotApplicable` where none is known."""
    if patient.optimizer is None:
        raise NotApplicable("the optimizer is not known; give training=Training(optimizer=...)")
    return patient.optimizer


def need_step(patient: Patient) -> None:
    """Raise `NotApplicable` where the caller's own step is not known."""
    if patient.training is None or patient.training.step is None:
        raise NotApplicable("the training step is not known; give training=Training(step=...)")
    optimizer_of(patient)


def take_step(
    patient: Patient,
    model: nn.Module,
    optimizer: torch.optim.Optimizer,
    x: Tensor,
    labels: Tensor,
) -> float:
    """Take one step; return the loss that it started from, NaN where the caller's tells none."""
    training = patient.training
    if training is not None and training.step is not None:
        told = training.step(model, optimizer, x, labels)
        if isinstance(told, Tensor) and told.numel() == 1:
            return float(told.detach())
        return float(told) if isinstance(told, int | float) else float("nan")
    model.train()
    optimizer.zero_grad()
    loss = loss_of(patient)(patient.logits(model, x), labels)
    loss.backward()
    optimizer.step()
    return float(loss.detach())


def present_rate(optimizer: torch.optim.Optimizer) -> float:
    """Return the largest rate of the groups, at the peak of a schedule that has marked it there."""
    return max((_peak(group) for group in optimizer.param_groups), default=0.0)


def raised(optimizer: torch.optim.Optimizer, factor: float) -> None:
    """Let every group have `factor` times its rate at the peak."""
    for group in optimizer.param_groups:
        group["lr"] = _peak(group) * factor


def _peak(group: dict[str, object]) -> float:
    marked = [group.get(key) for key in ("lr", "initial_lr", "max_lr")]
    rates = [float(rate) for rate in marked if isinstance(rate, int | float | Tensor)]
    return max(rates, default=0.0)


def weights(model: nn.Module, optimizer: torch.optim.Optimizer | None = None) -> Tensor:
    """Return all parameters of the network in one vector, of those that the optimizer moves."""
    moved = (
        {id(p) for p in chain(*(g["params"] for g in optimizer.param_groups))}
        if optimizer
        else None
    )
    found = [p for p in model.parameters() if moved is None or id(p) in moved]
    if not found:
        raise NotApplicable("the optimizer has none of the network's parameters")
    return torch.cat([p.detach().flatten().float() for p in found])
