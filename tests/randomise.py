"""Weights and statistics at random, so that no equality holds by a zero or a one."""

import torch
from torch import nn

from plusx.unit import declared_units

NORMS = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d, nn.GroupNorm, nn.LayerNorm)


def randomise(model: nn.Module) -> None:
    """Draw norms, their statistics and all vectors at random; scales shrink with depth."""
    depth = max(1, len(declared_units(model)))
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.dim() <= 1:
                parameter.normal_(0, 0.1)
        for module in model.modules():
            if isinstance(module, NORMS) and module.weight is not None:
                module.weight.uniform_(0.5, 1.5).div_(depth**0.5)
            if isinstance(module, NORMS[:3]) and module.running_mean is not None:
                module.running_mean.normal_(0, 0.1)
                assert module.running_var is not None
                module.running_var.uniform_(0.5, 1.5)
