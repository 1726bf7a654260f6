"""Somebody's code draws random numbers: the caller's states stay as they are."""

import random
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch

__all__ = ["same_chance"]


@contextmanager
def same_chance(*, seed: int | None = None) -> Iterator[None]:
    """Restore the global random states of Python, NumPy and torch's CPU when the block ends.

    With a seed, the block begins with states that follow from it alone.
    """
    python, numpy = random.getstate(), np.random.get_state()  # noqa: NPY002
    try:
        with torch.random.fork_rng(devices=[]):
            if seed is not None:
                random.seed(seed)
                np.random.seed(seed)  # noqa: NPY002
                torch.manual_seed(seed)
            yield
    finally:
        random.setstate(python)
        np.random.set_state(numpy)  # noqa: NPY002
