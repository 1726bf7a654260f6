"""The training step and the inference of networks, eager, in turns."""

from collections.abc import Callable, Mapping
from functools import partial

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from measure import interleaved

Times = dict[str, list[float]]


def training_step(model: nn.Module, x: Tensor, y: Tensor) -> Callable[[], None]:
    """A step of SGD with momentum on one batch, in training mode."""
    model.train()
    optimizer = torch.optim.SGD(model.parameters(), lr=1e-4, momentum=0.9)

    def step() -> None:
        optimizer.zero_grad()
        F.cross_entropy(model(x), y).backward()
        optimizer.step()

    return step


def trained(models: Mapping[str, nn.Module], x: Tensor, y: Tensor, repeats: int) -> Times:
    ways = {name: training_step(model, x, y) for name, model in models.items()}
    return interleaved(ways, repeats=repeats)


def ran(models: Mapping[str, nn.Module], x: Tensor, y: Tensor, repeats: int) -> Times:
    ways = {name: partial(model.eval(), x) for name, model in models.items()}
    with torch.inference_mode():
        return interleaved(ways, repeats=2 * repeats)


PASSES = {"training": trained, "inference": ran}
"""Seconds of networks in turns: (models, x, y, repeats) -> times."""
