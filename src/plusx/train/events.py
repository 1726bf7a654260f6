"""The run's curves for TensorBoard, where it is installed."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from plusx.analysis.evaluation import Evaluation
from plusx.train.config import TrainConfig
from plusx.train.curves import curves_of, figures_of, gradients_of
from plusx.train.result import Epoch, Probe

__all__ = ["TensorBoard"]


class TensorBoard:
    """A tracker that writes events; without TensorBoard (`plusx[train]`) it writes nothing."""

    name = "TensorBoard"

    def __init__(self, folder: Path, *, first_step: int) -> None:
        self._folder, self._first_step = folder, first_step
        self._writer: Any = None

    def start(self, config: TrainConfig) -> None:
        """Open the events; those of an interrupted run after `first_step` count no more."""
        try:
            from torch.utils.tensorboard import SummaryWriter
        except ImportError:
            return
        # the purged step goes too, and at first_step lies the end of the last whole epoch
        purged = self._first_step + 1 if self._first_step else None
        self._writer = SummaryWriter(str(self._folder), purge_step=purged)

    def epoch(self, epoch: Epoch) -> None:
        """Add the curves."""
        if self._writer is None:
            return
        for name, value in curves_of(epoch).items():
            self._writer.add_scalar(name, value, epoch.step)
        self._writer.flush()

    def probes(self, probes: Sequence[Probe]) -> None:
        """Add the gradients."""
        if self._writer is None:
            return
        for probe in probes:
            for name, value in gradients_of(probe).items():
                self._writer.add_scalar(name, value, probe.step)

    def test(self, result: Evaluation) -> None:
        """Add the test."""
        if self._writer is not None:
            for name, value in figures_of(result).items():
                self._writer.add_scalar(name, value)

    def close(self, *, finished: bool) -> None:
        """Close the file."""
        if self._writer is not None:
            self._writer.close()
