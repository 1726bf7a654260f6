"""CORAL: features of two domains with the same correlations, and labels in one of them."""

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from plusx.data import (
    Batch,
    InputSpec,
    Progress,
    Split,
    augment,
    batches,
    normalise,
    policy_for,
    silent,
)
from plusx.errors import InputError
from plusx.tape import watch
from plusx.train.seeds import generator_for, seed_for
from plusx.zoo import Network

__all__ = ["Coral", "coral_loss", "train_coral"]


@dataclass(frozen=True, kw_only=True)
class Coral:
    """SGD with Nesterov momentum, a cosine to zero, loss = CE(source) + weight * CORAL.

    Sun and Saenko 2016, "Deep CORAL: correlation alignment for deep domain adaptation", arXiv
    1607.01719. They choose the weight so that both losses end about equal; 1,000 was chosen on
    shifted validation images of Fashion-MNIST with resnet20, where CORAL falls from 2e-3 to 1e-4.
    Theirs is on the logits of a network without norms, ours on what enters the last layer.
    """

    epochs: int = 5
    """Passes over the source images."""
    weight: float = 1000.0
    """Of the CORAL loss."""
    batch_size: int = 128
    """Images a step, of each domain."""
    learning_rate: float = 0.01
    """Peak rate at batch size 128, in proportion to it: a tenth of that of training."""
    momentum: float = 0.9
    weight_decay: float = 5e-4
    seed: int = 0

    def __post_init__(self) -> None:
        """Refuse numbers outside their range, naming the field."""
        for name, holds, expected in (
            ("epochs", self.epochs >= 1, "1 or more"),
            ("weight", self.weight >= 0, "0 or more"),
            ("batch_size", self.batch_size >= 2, "2 or more: a covariance needs two"),
            ("learning_rate", self.learning_rate > 0, "above 0"),
            ("momentum", 0 <= self.momentum < 1, "0 or more and below 1"),
            ("weight_decay", self.weight_decay >= 0, "0 or more"),
        ):
            if not holds:
                raise InputError(f"{name} is {getattr(self, name)}; expected {expected}")


def coral_loss(source: Tensor, target: Tensor) -> Tensor:
    """||C_S - C_T||_F^2 / (4 d^2), C the covariance of features (n, d), d of them.

    Sun and Saenko 2016, equations 1 to 3. Raises `InputError` for fewer than two rows or another d.
    """
    if source.dim() != 2 or target.dim() != 2 or source.shape[1] != target.shape[1]:
        raise InputError(
            f"features are {tuple(source.shape)} and {tuple(target.shape)}; expected (n, d) and "
            "(m, d); flatten them, and take both from the same layer"
        )
    if min(len(source), len(target)) < 2:
        raise InputError(
            f"there are {len(source)} and {len(target)} rows of features; a covariance needs two "
            "or more of each domain"
        )
    difference = _covariance(source) - _covariance(target)
    return difference.square().sum() / (4 * source.shape[1] ** 2)


def train_coral(
    network: Network,
    source: Split,
    target: Split,
    spec: InputSpec,
    *,
    settings: Coral,
    progress: Progress = silent,
    workers: int = 0,
) -> Network:
    """Return a copy of `network` trained on labelled `source` and unlabelled `target` images.

    The features are what enters the head's last layer. Each domain passes through the network by
    itself, so batch norms normalise it by its own batch; the statistics that are left at the end
    are of both, and the caller re-estimates them. The labels of `target` are not read. All
    randomness comes from the seed.
    """
    copy = deepcopy(network)
    device = next(copy.parameters()).device
    size = min(settings.batch_size, len(source), len(target))
    if size < 2:
        raise InputError(
            f"there are {len(source)} source and {len(target)} target images; expected two or more"
        )
    steps = len(source) // size
    total = steps * settings.epochs
    peak = settings.learning_rate * size / 128
    optimizer = _optimizer(copy, settings)
    policy = policy_for(spec, count=len(source))

    def seen(images: Tensor, domain: str, step: int) -> Tensor:
        generator = generator_for(settings.seed, "coral", domain, step)
        return normalise(augment(images, policy, size=spec.size, generator=generator), spec)

    copy.train()
    with (
        progress("adapting by CORAL", total) as advance,
        _features(copy) as features,
        torch.random.fork_rng(devices=[device] if device.type == "cuda" else []),
    ):
        for step, (labelled, other) in enumerate(
            _pairs(source, target, settings, size, device=device, workers=workers)
        ):
            torch.manual_seed(seed_for(settings.seed, "coral", "network", step))
            for group in optimizer.param_groups:
                group["lr"] = peak * 0.5 * (1 + math.cos(math.pi * step / total))
            logits = copy(seen(labelled.images, "source", step))
            ours = features()
            copy(seen(other.images, "target", step))
            loss = F.cross_entropy(logits, labelled.labels)
            loss = loss + settings.weight * coral_loss(ours, features())
            if not math.isfinite(float(loss.detach())):
                raise InputError(
                    f"the loss became {float(loss.detach())} at step {step + 1}; lower the "
                    f"learning rate ({settings.learning_rate:g}) or the weight of CORAL "
                    f"({settings.weight:g})"
                )
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            advance(1)
    return copy.eval()


def _optimizer(network: Network, settings: Coral) -> torch.optim.SGD:
    """SGD with decay of weights alone; the loop sets its rate."""
    weights = [p for p in network.parameters() if p.dim() > 1]
    others = [p for p in network.parameters() if p.dim() <= 1]
    groups: list[dict[str, Any]] = [
        {"params": weights, "weight_decay": settings.weight_decay},
        {"params": others, "weight_decay": 0.0},
    ]
    return torch.optim.SGD(
        groups, lr=0.0, momentum=settings.momentum, nesterov=settings.momentum > 0
    )


def _pairs(
    source: Split,
    target: Split,
    settings: Coral,
    size: int,
    *,
    device: torch.device,
    workers: int,
) -> Iterator[tuple[Batch, Batch]]:
    """Yield a batch of each domain for every step: the target begins anew when it runs out."""
    steps = len(source) // size
    for epoch in range(settings.epochs):
        first = torch.randperm(
            len(source), generator=generator_for(settings.seed, "coral", "source", "order", epoch)
        )
        rounds = -(-steps * size // len(target))
        second = torch.cat(
            [
                torch.randperm(
                    len(target),
                    generator=generator_for(settings.seed, "coral", "target", "order", epoch, at),
                )
                for at in range(rounds)
            ]
        )
        orders = ((source, first), (target, second))
        yield from zip(
            *(
                batches(
                    split,
                    order[: steps * size],
                    batch_size=size,
                    device=device,
                    workers=workers,
                )
                for split, order in orders
            )
        )


@contextmanager
def _features(network: Network) -> Iterator[Callable[[], Tensor]]:
    """Give what entered the head's last layer when the network was last called, (B, d)."""
    last = [module for module in network.head.modules() if [*module.parameters(recurse=False)]]
    if not last:
        raise InputError("the head of this network has no layer with weights, so no features")
    seen: dict[str, Tensor] = {}

    def see(name: str, x: Tensor, y: Tensor) -> None:
        seen[name] = x

    with watch({"features": last[-1]}, see):
        yield lambda: seen["features"].flatten(1)


def _covariance(features: Tensor) -> Tensor:
    centred = features - features.mean(0)
    return centred.T @ centred / (len(features) - 1)
