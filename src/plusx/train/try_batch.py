"""Steps with batches of one size: do they fit, how fast are they, and what do they take?"""

import gc
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import torch

from plusx.train.environment import peak_memory
from plusx.train.setup import Setup
from plusx.train.trial import trial, trial_batches, trial_step

__all__ = ["Measured", "try_batch"]

REPEATS, SECONDS = 3, 0.5  # steps of each size: so many at least, and for so long
MOST_REPEATS = 20


@dataclass(frozen=True)
class Measured:
    """One batch size: images/s, and the memory in use at its peak, in bytes."""

    batch_size: int
    images_per_second: float
    memory_bytes: int


def try_batch(setup: Setup, size: int) -> Measured | None:
    """Take steps with a batch of `size`; None where there is no memory for them."""
    tell = _peak_since(setup)
    try:
        with trial(setup, steps=MOST_REPEATS + 1) as tried:
            seconds: list[float] = []
            waiting = trial_batches(tried, size, MOST_REPEATS + 1)
            for step in range(MOST_REPEATS + 1):
                began = time.perf_counter()
                trial_step(tried, next(waiting), step=step, rate=0.0)  # it reads the loss: it waits
                seconds.append(time.perf_counter() - began)
                if step >= REPEATS and sum(seconds[1:]) > SECONDS:
                    break
        return Measured(size, size / median(seconds[1:]), tell())  # the first warms up
    except RuntimeError as error:
        if not _out_of_memory(error):
            raise
    gc.collect()  # outside of the handler: its traceback holds the step's tensors
    if setup.device.type == "cuda":
        torch.cuda.empty_cache()
    return None


def _out_of_memory(error: RuntimeError) -> bool:
    said = str(error)
    words = ("out of memory", "not enough memory", "can't allocate memory")
    return isinstance(error, torch.OutOfMemoryError) or any(w in said.lower() for w in words)


def _peak_since(setup: Setup) -> Callable[[], int]:
    """Begin to watch the peak of memory; return who tells it.

    Linux forgets the peak of a process where it is asked to; elsewhere it is that since the start.
    """
    if setup.device.type == "cuda":
        torch.cuda.reset_peak_memory_stats()
        return lambda: peak_memory("cuda")
    gc.collect()
    status = Path("/proc/self/status")
    try:
        Path("/proc/self/clear_refs").write_text("5")
        status.read_text().index("VmHWM:")
    except (OSError, ValueError):
        return lambda: peak_memory(setup.device.type)

    def tell() -> int:
        after = status.read_text().partition("VmHWM:")[2]
        return int(after.split()[0]) * 1024

    return tell
