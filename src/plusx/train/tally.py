"""How an epoch stands: its sums, where the network is, of all processes."""

import math

import torch

from plusx.train.environment import peak_memory
from plusx.train.setup import Setup
from plusx.train.state import Progress

__all__ = ["Tally"]

LOOK_EVERY = 20  # steps between looks at a GPU's loss: each look waits for it


class Tally:
    """Loss, right answers and images of an epoch, summed where the network is."""

    def __init__(self, setup: Setup, progress: Progress) -> None:
        dtype = torch.float32 if setup.device.type == "mps" else torch.float64
        start = (progress.loss_sum, progress.correct, progress.seen)
        if not setup.ranks.writes:
            start = (0.0, 0, 0)  # what the checkpoint holds is everyone's
        self.sums = torch.tensor(start, dtype=dtype, device=setup.device)
        self.every = 1 if setup.device.type == "cpu" else LOOK_EVERY
        self._setup, self._progress = setup, progress

    def read(self) -> bool:
        """Bring the sums of all processes to the progress; say whether the loss is finite."""
        loss, correct, seen = self._setup.ranks.sum(self.sums).tolist()
        if not math.isfinite(loss):
            return False
        self._progress.loss_sum = loss
        self._progress.correct, self._progress.seen = int(correct), int(seen)
        return True

    def words(self) -> str:
        """Say how the epoch stands, in a few words."""
        progress = self._progress
        seen = max(1, progress.seen)
        speed = progress.seen / max(progress.train_seconds, 1e-9)
        memory = peak_memory(self._setup.device.type) / 2**30
        return (
            f"loss {progress.loss_sum / seen:.3f}  accuracy {progress.correct / seen:.1%}  "
            f"{speed:,.0f} images/s  {memory:.1f} GiB"
        )
