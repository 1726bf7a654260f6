"""How a network lies on the processes that train it: whole in each, or one network over all.

What differs is asked of a `Spread`: a training pass, logits, clipping, and what a checkpoint holds.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import replace
from typing import Any, final

import torch
from torch import Tensor, nn

from plusx.errors import InputError
from plusx.train.config import TrainConfig
from plusx.train.ranks import Ranks

__all__ = [
    "Criterion",
    "Spread",
    "Whole",
    "check_spread",
    "count",
    "filled",
    "parts_for",
    "spread_again",
]

Criterion = Callable[[Tensor, Tensor], Tensor]


class Spread(ABC):
    """One network on the processes; `joint` where it takes all of them to run it."""

    joint = True

    @abstractmethod
    def learn(
        self, images: Tensor, targets: Tensor, *, parts: int, criterion: Criterion, tally: Tensor
    ) -> None:
        """Leave the gradients of this process's batch, which passes in so many parts.

        `tally` (3,) takes loss, right answers and images.
        """

    @abstractmethod
    def logits(self, images: Tensor) -> Tensor:
        """Return the logits (B, K) of the network as it is; all processes where it is joint."""

    @abstractmethod
    def clip(self, optimizer: Any, max_norm: float) -> None:
        """Scale the gradient down to the norm `max_norm`, over all parameters."""

    @abstractmethod
    def collected(self, state: dict[str, Any]) -> dict[str, Any]:
        """Return a state with its tensors whole, in the process that writes; all take part."""

    @abstractmethod
    def own_part(self, whole: Tensor, own: Tensor) -> Tensor:
        """Return what this process keeps of a whole tensor, for the place where it has `own`."""


@final
class Whole(Spread):
    """Each process has the whole network; gradients are averaged (DDP), or it is alone."""

    joint = False

    def __init__(self, network: nn.Module, wrapped: Any, *, fabric: Any, ranks: Ranks) -> None:
        self._network, self._wrapped = network, wrapped
        self._fabric, self._ranks = fabric, ranks

    def learn(
        self, images: Tensor, targets: Tensor, *, parts: int, criterion: Criterion, tally: Tensor
    ) -> None:
        """Pass part after part; processes speak to each other at the last."""
        parts = min(parts, len(images))
        for number, (x, y) in enumerate(zip(images.chunk(parts), targets.chunk(parts))):
            last = self._ranks.world == 1 or number == parts - 1
            with nullcontext() if last else self._fabric.no_backward_sync(self._wrapped):
                logits = self._wrapped(x)
                loss = criterion(logits, y)
                self._fabric.backward(loss * (len(x) / len(images)))
            count(tally, loss, logits, y)

    def logits(self, images: Tensor) -> Tensor:
        """Return the logits of the network without its wrapping."""
        with self._fabric.autocast():
            logits: Tensor = self._network(images)
        return logits.float()

    def clip(self, optimizer: Any, max_norm: float) -> None:
        """Clip through Fabric, which knows how the gradient is scaled."""
        self._fabric.clip_gradients(self._wrapped, optimizer, max_norm=max_norm)

    def collected(self, state: dict[str, Any]) -> dict[str, Any]:
        """Return the state as it is: every process has all."""
        return state

    def own_part(self, whole: Tensor, own: Tensor) -> Tensor:
        """Return all of it."""
        return whole


def count(tally: Tensor, loss: Tensor, logits: Tensor, targets: Tensor) -> None:
    """Add a part's loss, right answers and images to `tally` (3,)."""
    answers = targets if targets.dim() == 1 else targets.argmax(1)
    right = (logits.detach().argmax(1) == answers).sum()
    images = len(targets)
    tally += torch.stack([loss.detach() * images, right, right.new_tensor(images)]).to(tally)


def filled(images: Tensor, targets: Tensor, parts: int) -> tuple[Tensor, Tensor]:
    """Repeat the first rows until the parts are equal, where images could not be read any more.

    Processes with a network in common have to take as many parts, of one shape.
    """
    rows = -(-len(images) // parts) * parts
    if rows == len(images):
        return images, targets
    order = torch.arange(rows, device=images.device) % len(images)
    return images[order], targets[order]


def check_spread(config: TrainConfig, ranks: Ranks) -> None:
    """Raise `InputError` for what one network over several processes cannot be trained with."""
    if not config.shard and config.stages == 1:
        return
    word = "--shard" if config.shard else f"--stages {config.stages}"
    if config.shard and config.stages > 1:
        raise InputError(f"--shard and --stages {config.stages} together; expected one of them")
    if ranks.world == 1:
        wanted = 2 if config.shard else config.stages
        raise InputError(
            f"{word} for one process; expected as many as share the network: give "
            f"--devices {wanted}"
        )
    if config.stages > 1 and config.stages != ranks.world:
        raise InputError(
            f"stages is {config.stages} for {ranks.world} processes; expected a process a stage: "
            f"give --stages {ranks.world}"
        )
    for given, option, instead in (
        (config.recompute != "none", f"--recompute {config.recompute}", "leave it at none"),
        (config.compile == "always", "--compile always", "leave it at auto"),
        (config.precision == "fp16", "--precision fp16", "give bf16 or 32"),
        (config.stages > 1 and config.norms == "together", "--norms together", "leave it apart"),
        (config.stages > 1 and config.tune == "head", "--tune head", "one process is enough"),
    ):
        if given:
            raise InputError(f"{word} does not go with {option}; {instead}")


def parts_for(config: TrainConfig) -> int:
    """Return in how many parts a batch passes: as `--accumulate` says, or up to four a stage.

    With p parts and s stages a process is idle for (s - 1) / (p + s - 1) of the time (Huang et al.
    2018, section 2.3). Raises `InputError` where there are fewer parts than stages.
    """
    stages, batch = config.stages, config.batch_size
    assert batch is not None
    if config.accumulate == 1:
        fitting = [p * stages for p in (4, 3, 2, 1) if batch % (p * stages) == 0]
        if fitting:
            return fitting[0]
    if config.accumulate < stages:
        raise InputError(
            f"accumulate is {config.accumulate} for {stages} stages and a batch of {batch}; "
            f"expected a part a stage or more: give --batch-size {batch + -batch % stages} or "
            f"another multiple of {stages}"
        )
    return config.accumulate


def spread_again(
    config: TrainConfig, ranks: Ranks, *, shard: bool | None, stages: int | None
) -> TrainConfig:
    """Return the settings of a run that goes on: spread as it was, as asked, or in one process."""
    if shard is None and stages is None:
        alone = ranks.world == 1
        return replace(config, shard=False, stages=1) if alone else config
    return replace(config, shard=bool(shard), stages=stages or 1)
