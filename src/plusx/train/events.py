"""The run's curves for TensorBoard, where it is installed."""

from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

from plusx.train.result import Epoch, Probe

__all__ = ["Events"]


class Events:
    """A writer of TensorBoard events; without TensorBoard (`plusx[train]`) it writes nothing."""

    def __init__(self, folder: Path | None, *, first_step: int) -> None:
        self._writer: Any = None
        self._next_probe = first_step
        if folder is None:
            return
        try:
            from torch.utils.tensorboard import SummaryWriter
        except ImportError:
            return
        self._writer = SummaryWriter(str(folder), purge_step=first_step or None)

    def write(self, epoch: Epoch, probes: Sequence[Probe]) -> None:
        """Add an epoch, and the probes that were not written yet."""
        if self._writer is None:
            return
        for name, value in (
            ("loss/train", epoch.train_loss),
            ("loss/validation", epoch.val_loss),
            ("accuracy/train", epoch.train_accuracy),
            ("accuracy/validation", epoch.val_accuracy),
            ("learning rate", epoch.learning_rate),
            ("images per second", epoch.images_per_second),
        ):
            self._writer.add_scalar(name, value, epoch.step)
        for probe in probes:
            if probe.step >= self._next_probe:
                for part in probe.signal.parts:
                    self._writer.add_scalar(f"gradient/{part.name}", part.gradient, probe.step)
        self._next_probe = epoch.step
        self._writer.flush()

    def __enter__(self) -> "Events":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._writer is not None:
            self._writer.close()
