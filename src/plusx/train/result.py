"""What a training run leaves: curves, probes, the test, and how it went."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from torch import Tensor

from plusx.analysis.evaluation import Evaluation
from plusx.analysis.signal import Signal
from plusx.analysis.stream_figures import Streams
from plusx.analysis.summary import Summary
from plusx.train.config import TrainConfig

__all__ = ["Epoch", "Examination", "Finding", "Health", "Mistake", "Probe", "TrainResult"]


@dataclass(frozen=True)
class Epoch:
    """One line of the curves; accuracies are shares, `seconds` includes validation."""

    epoch: int  # from 1
    step: int  # steps taken so far
    learning_rate: float
    train_loss: float
    train_accuracy: float
    val_loss: float
    val_accuracy: float
    seconds: float
    images_per_second: float  # training images over training time
    memory_bytes: int  # peak of the process, or of the device


@dataclass(frozen=True)
class Probe:
    """Signal and gradient before the step that follows `step` steps."""

    step: int
    epoch: float
    signal: Signal


@dataclass(frozen=True, eq=False)
class Mistake:
    """A test image that was called something else, with the probability of that."""

    name: str
    image: Tensor  # (C, H, W) uint8
    truth: str
    guess: str
    probability: float


@dataclass(frozen=True)
class Finding:
    """One observation about the run: what it is, and what to do about it."""

    level: Literal["good", "note", "warning", "bad"]
    title: str
    text: str


@dataclass(frozen=True)
class Health:
    """The verdict: one sentence, and the findings behind it, most important first."""

    level: Literal["good", "warning", "bad"]
    sentence: str
    findings: tuple[Finding, ...]


@dataclass(frozen=True)
class Examination:
    """What was found before the first step: "bad" is a reason not to train. `table` tells all.

    `part`: time ran out before everything was asked.
    """

    level: Literal["good", "warning", "bad"]
    sentence: str
    findings: tuple[Finding, ...]
    table: str
    seconds: float
    part: bool = False


@dataclass(frozen=True, eq=False)
class TrainResult:
    """All of a run that a report shows. `test` is None when the run stopped before its end."""

    folder: Path
    config: TrainConfig
    command: str
    health: Health
    epochs: tuple[Epoch, ...]
    probes: tuple[Probe, ...]
    best_epoch: int | None
    test: Evaluation | None
    test_mirrored: Evaluation | None  # with each image's mirror image, where that was asked for
    mistakes: tuple[Mistake, ...]
    originals: Tensor  # (N, C, S, S) uint8, training images as stored
    augmented: Tensor  # (N, C, S, S) uint8, the same as the network sees them
    data_notes: tuple[str, ...]
    split_sizes: dict[str, int]
    class_counts: dict[str, int]  # training images a class
    broken: tuple[tuple[str, str], ...]  # file, reason
    summary: Summary
    environment: dict[str, Any]  # machine, versions, device, precision, threads
    seconds: float
    examination: Examination | None = None  # before the run began, where there was one
    streams: Streams | None = None  # on validation images, where the network has streams
