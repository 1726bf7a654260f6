"""An analysis leaves no trace: modes, buffers, gradients and random state as they were."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import nn

__all__ = ["untouched"]


@contextmanager
def untouched(model: nn.Module) -> Iterator[None]:
    """Give `model` back as it was when the block ends, also when it raises.

    Restores training modes, buffers (running statistics), `.grad` of the parameters and torch's
    random state on the CPU and on the devices of the model. Weights are the caller's to leave.
    """
    modes = {module: module.training for module in model.modules()}
    buffers = {buffer: buffer.clone() for buffer in model.buffers()}
    grads = {parameter: parameter.grad for parameter in model.parameters()}
    devices = {p.device for p in model.parameters() if p.device.type == "cuda"}
    with torch.random.fork_rng(devices=list(devices)):
        for parameter in grads:
            parameter.grad = None
        try:
            yield
        finally:
            for module, training in modes.items():
                module.training = training
            with torch.no_grad():
                for buffer, before in buffers.items():
                    buffer.copy_(before)
            for parameter, grad in grads.items():
                parameter.grad = grad
