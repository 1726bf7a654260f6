"""Nothing that a caller hands over changes: network, optimizer, loss, step, and random states."""

import random
import threading

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from plusx import create
from plusx.doctor import Patient, Training, examine
from plusx.doctor.budget import Budget
from plusx.doctor.given import material_for


class Counting(nn.Module):
    """A loss with a state of its own, which draws with NumPy and Python, too."""

    seen: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("seen", torch.zeros(()))
        self.calls = 0

    def forward(self, y: Tensor, labels: Tensor) -> Tensor:
        self.seen.add_(len(y))
        self.calls += 1
        np.random.rand()  # noqa: NPY002
        random.random()
        return F.cross_entropy(y, labels)


class Trainer:
    def __init__(self) -> None:
        self.steps = 0

    def step(
        self, model: nn.Module, optimizer: torch.optim.Optimizer, x: Tensor, labels: Tensor
    ) -> Tensor:
        self.steps += 1
        model.train()
        optimizer.zero_grad()
        loss = F.cross_entropy(model(x), labels)
        loss.backward()
        optimizer.step()
        return loss


def of(model: nn.Module, **more: object) -> Training:
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    return Training(optimizer=optimizer, **more)  # type: ignore[arg-type]


@pytest.mark.full
def test_loss_step_and_random_states_stay() -> None:
    model, loss, trainer = create("resnet8", num_classes=4), Counting(), Trainer()
    data = torch.randn(64, 3, 8, 8), torch.arange(64) % 4
    np.random.seed(3)  # noqa: NPY002
    state = random.getstate(), torch.get_rng_state()
    found = [
        examine(model, data, budget="10s", training=of(model, loss=loss)),
        examine(model, data, budget="10s", training=of(model, step=trainer.step)),
    ]
    assert all(any(f.check == "learning.updates" for f in each.findings) for each in found)
    assert (float(loss.seen), loss.calls, trainer.steps) == (0.0, 0, 0)
    assert random.getstate() == state[0] and torch.equal(torch.get_rng_state(), state[1])
    assert np.random.rand() == np.random.RandomState(3).rand()  # noqa: NPY002


def test_copies_of_what_trains_share_what_they_shared() -> None:
    model = create("resnet8", num_classes=4)

    class Decaying:
        def __init__(self) -> None:
            self.model = model

        def __call__(self, y: Tensor, labels: Tensor) -> Tensor:
            decay: Tensor = next(self.model.parameters()).square().sum()
            return F.cross_entropy(y, labels) + decay

    training = of(model, loss=Decaying(), step=Trainer().step)
    material = material_for(model, torch.randn(4, 3, 8, 8))
    someone = Patient(model, material, budget=Budget(1.0), training=training)
    own = someone.training
    assert own is not None and own.loss.model is someone.model  # type: ignore[union-attr]
    assert own.step is not training.step and own.step.__func__ is Trainer.step  # type: ignore[union-attr]
    assert own.optimizer is someone.optimizer is not training.optimizer
    held = {id(p) for group in someone.optimizer.param_groups for p in group["params"]}  # type: ignore[union-attr]
    assert held == {id(p) for p in someone.model.parameters()}


def test_what_cannot_be_copied_stays() -> None:
    model = create("resnet8", num_classes=4)
    trainer = Trainer()
    trainer.lock = threading.Lock()  # type: ignore[attr-defined]
    material = material_for(model, torch.randn(4, 3, 8, 8))
    given = of(model, loss=F.cross_entropy, step=trainer.step)
    someone = Patient(model, material, budget=Budget(1.0), training=given)
    assert someone.training is not None and someone.training.step == trainer.step
    assert someone.training.loss is F.cross_entropy
