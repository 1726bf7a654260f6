"""A map over chunks by worker processes, in order, through torch's DataLoader."""

import os
from collections.abc import Callable, Collection, Iterator
from typing import Generic, TypeVar

import torch
from torch.utils.data import DataLoader, Dataset

from plusx.errors import InputError

__all__ = ["available_cores", "chosen_workers", "mapped"]

Chunk = TypeVar("Chunk")
Result = TypeVar("Result")

_WORTH_WORKERS = 200  # images; below it starting processes takes longer than it saves
_MOST_WORKERS = 8


def mapped(
    function: Callable[[Chunk], Result],
    chunks: Collection[Chunk],
    *,
    workers: int,
    pinned: bool = False,
) -> Iterator[Result]:
    """Yield `function(chunk)` for each chunk, in order; `workers` 0 computes in this process.

    `function` must be picklable (a method of a dataclass will do); what is next is computed while
    the caller works. `pinned` puts tensors into page-locked memory, which a GPU copies while it
    computes. The global random state is not touched.
    """
    workers = min(workers, available_cores(), len(chunks))
    loader = DataLoader(
        _Mapped(function),
        sampler=chunks,
        batch_size=None,
        collate_fn=_as_it_is,
        num_workers=workers,
        pin_memory=pinned,
        # without one of its own the loader draws its seed from the global generator
        generator=torch.Generator(),
    )
    for result in loader:
        if isinstance(result, InputError):
            raise result
        yield result


def available_cores() -> int:
    """Return the number of cores that this process may use."""
    if os.name == "posix" and os.uname().sysname == "Linux":
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def chosen_workers(workers: int | None, images: int) -> int:
    """Return the number of workers: as asked for, else by the number of images and cores."""
    if workers is not None:
        return workers
    return 0 if images < _WORTH_WORKERS else min(_MOST_WORKERS, available_cores())


class _Mapped(Dataset[Result | InputError], Generic[Chunk, Result]):
    """A data set whose items are the function's values.

    An InputError is handed over as a value: raised in a worker, its message would come wrapped
    in that process's traceback.
    """

    def __init__(self, function: Callable[[Chunk], Result]) -> None:
        self.function = function

    def __getitem__(self, chunk: Chunk) -> Result | InputError:
        try:
            return self.function(chunk)
        except InputError as error:
            return error


def _as_it_is(value: Result) -> Result:
    return value
