"""What a training run works with: data, network, device, settings, and someone to tell."""

import errno
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

import torch

from plusx.data import Data
from plusx.data.batches import Views
from plusx.data.spec import SMALL
from plusx.train.average import Average
from plusx.train.config import TrainConfig
from plusx.train.folder import RunFolder
from plusx.train.ranks import Ranks
from plusx.train.seeds import generator_for
from plusx.train.spread import Spread
from plusx.train.tune import Tuning, tuning
from plusx.zoo import Network

__all__ = ["Advance", "Reporter", "Setup", "Silent"]

T = TypeVar("T")


class Advance(Protocol):
    """Moves a bar on; `now` says how it stands, for a line that is written anew each time."""

    def __call__(self, steps: int, now: str = "") -> object:
        """Move by `steps`."""
        ...


class Reporter(Protocol):
    """Whoever watches: the command line prints and draws bars, a notebook may be silent."""

    def say(self, line: str) -> None:
        """Tell one thing in a line."""
        ...

    def progress(self, description: str, total: int | None) -> AbstractContextManager[Advance]:
        """Open a bar; the block gets `advance(steps, now)`."""
        ...


class Silent:
    """A reporter for whom nobody watches."""

    def say(self, line: str) -> None:
        """Tell nobody."""

    @contextmanager
    def progress(self, description: str, total: int | None) -> Iterator[Advance]:
        """Draw nothing."""
        yield lambda steps, now="": None


@dataclass(frozen=True, eq=False)
class Setup:
    """`network` is the network as `spread` lays it on the processes that `ranks` knows.

    `average` holds the averaged weights, where the recipe wants them.
    """

    config: TrainConfig
    data: Data
    run: RunFolder
    reporter: Reporter
    fabric: Any
    network: Network
    spread: Spread
    optimizer: Any
    average: Average | None
    ranks: Ranks

    @property
    def kept(self) -> AbstractContextManager[object]:
        """In its block the network has the weights that are validated, tested and kept."""
        return self.average.within(self.network) if self.average else nullcontext()

    @property
    def device(self) -> torch.device:
        """Where the network is."""
        device: torch.device = self.fabric.device
        return device

    @property
    def scaling(self) -> Any:
        """What scales the loss for fp16, with its state; of another precision the state is {}."""
        return self.fabric.strategy.precision

    @property
    def batch_size(self) -> int:
        """Images a step, of all processes."""
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

    def views(self, *what: object) -> Views:
        """Say how training crops and mirrors its images; `what` names the draw, as the epoch."""
        size = self.config.train_size or self.data.input.size
        seed = self.config.seed
        return Views(self.data.policy, size, lambda n: generator_for(seed, "augment", *what, n))

    def tuning_at(self, step: int, network: Network | None = None) -> Tuning:
        """Say what learns at step `step` of the run and how fast, in the network or a copy."""
        kind = self.config.tune
        assert kind is not None, "settings are resolved before a run is set up"
        share = step / self.total_steps if kind == "gradual" else 0.0
        return tuning(network or self.network, kind, share=share)

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
        """Tell the reporter and the log, once."""
        if self.ranks.writes:
            self.reporter.say(line)
            with self.writing():
                self.run.log(line)

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Let a full disk pass where the run is to go on all the same; what was saved stands."""
        try:
            yield
        except OSError as error:
            full = error.errno in (errno.ENOSPC, errno.EDQUOT)
            if not full or self.config.on_full_disk == "stop":
                raise
            self.reporter.say(
                "the disk is full: this was not saved, what was saved before stands; training goes "
                "on, and the next save tries again"
            )


def _resolved(value: T | None) -> T:
    assert value is not None, "settings are resolved before a run is set up"
    return value
