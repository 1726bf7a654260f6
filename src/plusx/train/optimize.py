"""The optimizer of a run: which parameters it moves, how fast, and which decay."""

from collections.abc import Iterator
from typing import Any, Literal

import torch
from torch import nn

from plusx.branch import WEIGHING
from plusx.train.config import TrainConfig
from plusx.train.lamb import Lamb
from plusx.train.levels import by_stages
from plusx.train.muon import Muon
from plusx.train.tune import Tuning

__all__ = ["PER_BATCH", "optimizer_for", "param_groups", "set_rates"]

PER_BATCH = {
    "sgd": (0.1, 128),
    "nesterov": (0.1, 128),
    "adamw": (1e-3, 256),
    "lamb": (5e-3, 2048),
    "muon": (0.1, 128),
}
"""Usual peak rate at a batch size, to be used in proportion to the batch."""


def optimizer_for(model: nn.Module, tuning: Tuning, config: TrainConfig) -> torch.optim.Optimizer:
    """Make the optimizer that the recipe names, with the groups of `tuning`.

    Weight decay acts on weights of two and more dimensions, not on norms, biases and the scalars of
    a merge, whose size is no sign of complexity (Goyal et al. 2017, He et al. 2018); under
    `decayed="all"` on everything.
    """
    groups = list(
        param_groups(
            model,
            tuning,
            weight_decay=config.weight_decay,
            decayed=config.decayed,
            apart=config.optimizer == "muon",
        )
    )
    fused = _fused(model) and not (config.precision == "fp16" and config.clip)  # who unscales?
    match config.optimizer:
        case "sgd" | "nesterov":
            return torch.optim.SGD(
                groups,
                lr=0.0,  # the loop sets it before every step
                momentum=config.momentum,
                nesterov=config.optimizer == "nesterov" and config.momentum > 0,
                fused=fused,
            )
        case "adamw":
            return torch.optim.AdamW(groups, lr=0.0, fused=fused)
        case "lamb":
            return Lamb(groups, lr=0.0)
        case "muon":
            return Muon(groups, lr=0.0, momentum=config.momentum)


def param_groups(
    model: nn.Module,
    tuning: Tuning,
    *,
    weight_decay: float,
    decayed: Literal["weights", "all"] = "weights",
    apart: bool = False,
) -> Iterator[dict[str, Any]]:
    """Yield what an optimizer takes; `tuned` is the group's place in `tuning`.

    `apart`: filters and matrices between stem and head, `orthogonal` for Muon, from all others.
    Gates are among the others: an orthogonal step has its length whatever the gradient, and where
    no norm follows, the weights grow until a sigmoid gives 0 and 1 alone (LOG.md).
    """
    levels = by_stages(model)
    others = {p for level in (levels[0], levels[-1]) for p in level.params}
    others |= {p for m in model.modules() if isinstance(m, WEIGHING) for p in m.parameters()}
    for place, group in enumerate(tuning.groups):
        decay = weight_decay if group.decays or decayed == "all" else 0.0
        shared = {"weight_decay": decay, "tuned": place}
        if not apart:
            yield {"params": list(group.params), **shared}
            continue
        for orthogonal in (True, False):
            params = [p for p in group.params if (p.dim() > 1 and p not in others) is orthogonal]
            if params:
                yield {"params": params, "orthogonal": orthogonal, **shared}


def set_rates(optimizer: torch.optim.Optimizer, tuning: Tuning, rate: float) -> None:
    """Give each group of the optimizer its share of `rate`."""
    for group in optimizer.param_groups:
        group["lr"] = rate * tuning.groups[group["tuned"]].multiple


def _fused(model: nn.Module) -> bool:
    """Say whether torch has a fused step for the model: for whole tensors, on these devices."""
    return all(
        type(p) is nn.Parameter and p.device.type in ("cpu", "cuda") for p in model.parameters()
    )
