"""Weights averaged over the steps: what is validated and kept is smoother than the last step."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from plusx.errors import InputError

__all__ = ["Average"]


class Average:
    """a = d a + (1 - d) w after every step, with d = min(decay, (1 + t) / (10 + t)).

    Polyak and Juditsky 1992 average the path of the weights; the exponential form with this warm-up
    is TensorFlow's ExponentialMovingAverage (t counts the updates before this one): without it the
    random start stays in the average for some 1 / (1 - decay) steps. Statistics of norms are
    averaged like weights, whole numbers (counters) are copied. An average is held in float32 where
    the weights are shorter: in bfloat16 a decay of 0.999 would never move it.
    """

    def __init__(self, model: nn.Module, decay: float) -> None:
        if not 0 <= decay < 1:
            raise InputError(
                f"decay is {decay}, expected 0 or more and below 1; 0.999 averages some 1,000 steps"
            )
        self.decay = decay
        self.updates = 0
        self.values = {name: _copy(tensor) for name, tensor in _tensors(model).items()}

    @torch.no_grad()
    def update(self, model: nn.Module) -> None:
        """Take the model's weights into the average."""
        decay = min(self.decay, (1 + self.updates) / (10 + self.updates))
        self.updates += 1
        kinds: dict[type, tuple[list[Tensor], list[Tensor]]] = {}  # pieces apart from whole ones
        for average, tensor in self._pairs(model):
            if average.is_floating_point():
                averages, weights = kinds.setdefault(type(average), ([], []))
                averages.append(average)
                weights.append(tensor.to(average.dtype))
            else:
                average.copy_(tensor)
        for averages, weights in kinds.values():
            torch._foreach_lerp_(averages, weights, 1 - decay)

    @contextmanager
    def within(self, model: nn.Module) -> Iterator[None]:
        """Give the model the averaged weights for a block; then its own again, bit for bit.

        The tensors stay the same objects, so optimizers and compiled graphs keep their hold on
        them. What the block does to the model's weights is lost.
        """
        pairs = self._pairs(model)
        own = [tensor.clone() for _, tensor in pairs]
        try:
            with torch.no_grad():
                for average, tensor in pairs:
                    tensor.copy_(average)
            yield
        finally:
            with torch.no_grad():
                for (_, tensor), before in zip(pairs, own):
                    tensor.copy_(before)

    def state_dict(self) -> dict[str, Any]:
        """Return what `load_state_dict` reads: tensors and numbers alone."""
        return {"decay": self.decay, "updates": self.updates, "values": dict(self.values)}

    @torch.no_grad()
    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take over the average that `state_dict` gave, of a model with the same tensors."""
        _check(self.values, state["values"], "the saved average")
        self.decay, self.updates = float(state["decay"]), int(state["updates"])
        for name, value in self.values.items():
            value.copy_(state["values"][name])

    def _pairs(self, model: nn.Module) -> list[tuple[Tensor, Tensor]]:
        tensors = _tensors(model)
        _check(self.values, tensors, "the model")
        return [(average, tensors[name]) for name, average in self.values.items()]


def _tensors(model: nn.Module) -> dict[str, Tensor]:
    """Return parameters and buffers, each once; those that are not saved are part of the model."""
    named = [*model.named_parameters(), *model.named_buffers()]
    return {name: tensor.detach() for name, tensor in named}


def _copy(tensor: Tensor) -> Tensor:
    if not tensor.is_floating_point():
        return tensor.clone()
    return tensor.to(torch.promote_types(tensor.dtype, torch.float32), copy=True)


def _check(values: dict[str, Tensor], others: dict[str, Tensor], whose: str) -> None:
    if values.keys() != others.keys():
        name = min(values.keys() ^ others.keys())
        fault = "lacks" if name in values else "has"
        raise InputError(
            f"{whose} {fault} {name!r}, expected the tensors of the model that the average was "
            "made for; make a new one for another model"
        )
    for name, value in values.items():
        if value.shape != others[name].shape:
            raise InputError(
                f"{name!r} of {whose} has shape {tuple(others[name].shape)}, expected "
                f"{tuple(value.shape)}; make a new average for another model"
            )
