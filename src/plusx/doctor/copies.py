"""Copies of a network, of its optimizer and of what trains it, which share what these share."""

import copy
from dataclasses import replace
from typing import Any

import torch
from torch import nn

from plusx.doctor.training import Training
from plusx.edit import copy_of
from plusx.errors import InputError

__all__ = ["copied", "own_copy"]


def own_copy(model: nn.Module, training: Training | None) -> tuple[nn.Module, Training | None]:
    """Copy a network with what trains it; what they share, their copies share, too.

    A part of the training that cannot be copied, such as one that holds an open file, stays.
    """
    memo: dict[int, object] = {}
    own, optimizer = copied(model, training.optimizer if training else None, memo)
    if training is None:
        return own, None
    parts = (training.loss, training.step, training.predict)
    loss, step, predict = (_copy_of(part, memo) for part in parts)
    return own, replace(training, optimizer=optimizer, loss=loss, step=step, predict=predict)


def _copy_of(part: Any, memo: dict[int, object]) -> Any:
    known = set(memo)
    try:
        return copy.deepcopy(part, memo)
    except Exception:  # whatever somebody's object raises, it is not to be copied
        for half in memo.keys() - known:
            del memo[half]
        return part


def copied(
    model: nn.Module,
    optimizer: torch.optim.Optimizer | None,
    memo: dict[int, object] | None = None,
) -> tuple[nn.Module, torch.optim.Optimizer | None]:
    """Copy a network together with its optimizer, whose parameters are then the copy's."""
    memo = {} if memo is None else memo
    try:
        copied_model = copy_of(model, memo)
        for old, new in zip(model.parameters(), copied_model.parameters()):
            if not new.is_leaf:  # TorchScript gives them a history
                new.detach_().requires_grad_(old.requires_grad)
            memo[id(old)] = new
        return copied_model, copy.deepcopy(optimizer, memo)
    except (RuntimeError, TypeError) as error:
        raise InputError(
            f"{type(model).__name__} cannot be copied ({str(error).splitlines()[0]}), expected a "
            "module that copy.deepcopy takes; keep no tensors with a history as attributes"
        ) from error
