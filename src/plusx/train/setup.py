"""What a training run works with: data, network, device, settings, and someone to tell."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

import torch

from plusx.data import Data
from plusx.data.spec import SMALL
from plusx.train.config import TrainConfig
from plusx.train.folder import RunFolder
from plusx.zoo import Network

__all__ = ["Reporter", "Setup"]

T = TypeVar("T")


class Reporter(Protocol):
    """Whoever watches: the command line prints and draws bars, a notebook may be silent."""

    def say(self, line: str) -> None:
        """Tell one thing in a line."""
        ...

    def progress(
        self, description: str, total: int | None
    ) -> AbstractContextManager[Callable[[int], object]]:
        """Open a bar; the block gets `advance(steps)`."""
        ...


@dataclass(frozen=True, eq=False)
class Setup:
    """`wrapped` and `optimizer` are Fabric's; `network` is the same network without it."""

    config: TrainConfig
    data: Data
    run: RunFolder
    reporter: Reporter
    fabric: Any
    network: Network
    wrapped: Any
    optimizer: Any

    @property
    def device(self) -> torch.device:
        """Where the network is."""
        device: torch.device = self.fabric.device
        return device

    @property
    def batch_size(self) -> int:
        """Images a step."""
        return _resolved(self.config.batch_size)

    @property
    def peak(self) -> float:
        """The learning rate after the warm-up."""
        return _resolved(self.config.learning_rate)

    @property
    def steps(self) -> int:
        """Steps an epoch: whole batches; the rest of each epoch's order waits for the next."""
        return len(self.data.train) // self.batch_size

    @property
    def total_steps(self) -> int:
        """Steps of the whole run."""
        return self.steps * self.config.epochs

    @property
    def probe_images(self) -> int:
        """Training images that a probe looks at: fewer where each costs more."""
        return min(64 if self.data.input.size <= SMALL else 16, len(self.data.train))

    @property
    def probe_every(self) -> int:
        """Steps from probe to probe: 3 to 24 in a run, and a tenth of its work at most."""
        affordable = self.total_steps * self.batch_size // (10 * self.probe_images)
        return max(1, self.total_steps // min(24, max(3, affordable)))

    def say(self, line: str) -> None:
        """Tell the reporter and the log."""
        self.run.log(line)
        self.reporter.say(line)


def _resolved(value: T | None) -> T:
    assert value is not None, "settings are resolved before a run is set up"
    return value
