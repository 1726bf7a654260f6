"""The optimizer and its learning rate."""

import math

import torch
from torch import nn

from plusx.train.config import TrainConfig

__all__ = ["learning_rate", "sgd"]


def sgd(model: nn.Module, config: TrainConfig) -> torch.optim.SGD:
    """v = m v + g + w p; p = p - lr (g + m v): SGD with Nesterov momentum.

    Weight decay acts on weights of two and more dimensions: not on norms, biases and the scalars
    of a merge, whose size is no sign of complexity (Goyal et al. 2017, He et al. 2018).
    """
    weights = [p for p in model.parameters() if p.dim() > 1]
    others = [p for p in model.parameters() if p.dim() <= 1]
    return torch.optim.SGD(
        [
            {"params": weights, "weight_decay": config.weight_decay},
            {"params": others, "weight_decay": 0.0},
        ],
        lr=0.0,  # the loop sets it before every step
        momentum=config.momentum,
        nesterov=config.momentum > 0,
    )


def learning_rate(config: TrainConfig, peak: float, step: int, total: int) -> float:
    """Return the rate of step `step` (from 0) of `total`: linear warm-up, then the schedule.

    cosine: peak (1 + cos(pi t)) / 2 for t from 0 to 1 (Loshchilov and Hutter 2016);
    step: peak, a tenth from half of the steps on, a hundredth from three quarters on
    (He et al. 2015, section 4.2).
    """
    warm = round(config.warmup * total)
    if step < warm:
        return peak * (step + 1) / warm
    if config.schedule == "cosine":
        return peak * 0.5 * (1 + math.cos(math.pi * (step - warm) / max(1, total - warm)))
    return peak * (0.1 ** sum(step >= share * total for share in (0.5, 0.75)))
