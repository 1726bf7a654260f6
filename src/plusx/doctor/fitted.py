"""Inputs go where a network's weights are, and have the kind of numbers that these have."""

import torch
from torch import Tensor, nn

__all__ = ["fitted"]


def fitted(x: Tensor, model: nn.Module) -> Tensor:
    """Put x on the device of the weights; float32, which is what images are made of, in their type.

    Numbers of another type were made so by somebody, and stay.
    """
    weight = next((p for p in model.parameters() if p.dtype.is_floating_point), None)
    if weight is None:
        return x.to(next((p.device for p in model.parameters()), x.device))
    return x.to(weight.device, weight.dtype if x.dtype == torch.float32 else x.dtype)
