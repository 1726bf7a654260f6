"""Steps of training that are taken to be measured, and leave no trace."""

import copy
import itertools
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import torch

from plusx.data import Batch, batches
from plusx.data.order import shuffled
from plusx.train.seeds import generator_for
from plusx.train.setup import Setup
from plusx.train.state import Progress
from plusx.train.step import take_step

__all__ = ["trial", "trial_batches", "trial_step"]


@contextmanager
def trial(setup: Setup, *, steps: int, **changes: Any) -> Iterator[Setup]:
    """Give a setup to take up to `steps` steps with, and undo in the end all that they changed.

    Weights, buffers, gradients, what is frozen, optimizer, modes, the scale of fp16's gradients and
    the random state are put back, also when a step failed halfway. Its rate is constant
    (`trial_step` says which) and nothing is averaged. `changes` are of its settings.
    """
    network, optimizer = setup.network, setup.optimizer
    epochs = max(setup.config.epochs or 1, -(-steps // max(1, setup.steps)) + 1)
    config = replace(
        setup.config, **{"schedule": "constant", "warmup": 0.0, "epochs": epochs, **changes}
    )
    tensors = [*network.parameters(), *network.buffers()]
    # not on a GPU, whose memory may be what is measured
    kept = [tensor.detach().to("cpu", copy=True) for tensor in tensors]
    learning = [(parameter, parameter.requires_grad) for parameter in network.parameters()]
    modes = [(module, module.training) for module in network.modules()]
    state = optimizer.state_dict()
    assert not state["state"], "a trial is for an optimizer that has taken no step"
    devices = [setup.device] if setup.device.type == "cuda" else []
    with torch.random.fork_rng(devices), _own_scaler(setup):
        try:
            yield replace(setup, config=config, average=None)
        finally:
            optimizer.zero_grad()
            optimizer.load_state_dict(state)
            with torch.no_grad():
                for tensor, before in zip(tensors, kept):
                    tensor.copy_(before)
            for parameter, asks in learning:
                parameter.grad = None
                parameter.requires_grad_(asks)
            for module, was in modes:
                module.training = was


@contextmanager
def _own_scaler(setup: Setup) -> Iterator[None]:
    """Let steps scale gradients with a copy of the run's scaler, where it has one (fp16)."""
    from lightning_fabric.plugins import MixedPrecision

    precision = setup.scaling
    if not isinstance(precision, MixedPrecision) or precision.scaler is None:
        yield
        return
    scaler = precision.scaler
    precision.scaler = copy.deepcopy(scaler)
    try:
        yield
    finally:
        precision.scaler = scaler


def trial_batches(setup: Setup, batch_size: int, count: int) -> Iterator[Batch]:
    """Yield `count` batches as training sees them, from epoch after epoch."""
    whole = len(setup.data.train) // batch_size * batch_size
    setup.network.train()
    given = 0
    for epoch in itertools.count():
        generator = generator_for(setup.config.seed, "order", epoch)
        order = shuffled(setup.data.train, generator=generator)
        order = order.repeat_interleave(setup.config.repeats)[:whole]
        for batch in batches(
            setup.data.train,
            order[: (count - given) * batch_size],
            batch_size=batch_size,
            device=setup.device,
            workers=setup.data.workers,
            views=setup.views(epoch),
        ):
            yield batch
            given += 1
        if given >= count:
            return


def trial_step(setup: Setup, batch: Batch, *, step: int, rate: float) -> float:
    """Take step `step` of a trial at learning rate `rate`; return the mean loss."""
    dtype = torch.float32 if setup.device.type == "mps" else torch.float64
    tally = torch.zeros(3, dtype=dtype, device=setup.device)
    place = Progress(step=step, rate_scale=rate / setup.peak)
    take_step(setup, place, batch, tally)
    loss, _, seen = tally.tolist()
    return float(loss / seen)
