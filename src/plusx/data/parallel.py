"""A map over chunks by worker processes, in order, through torch's DataLoader."""

import os
from collections.abc import Callable, Collection, Hashable, Iterator
from typing import Any, Generic, TypeVar

import torch
from torch.utils.data import DataLoader, Dataset

from plusx.errors import InputError

__all__ = ["Pool", "available_cores", "chosen_workers", "mapped"]

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
    return Pool().mapped(function, chunks, key=None, workers=workers, pinned=pinned)


class Pool:
    """Worker processes that stay from one pass over the chunks to the next, and end with it."""

    def __init__(self) -> None:
        self._free: dict[Hashable, tuple[_Source[Any], DataLoader[Any]]] = {}

    def mapped(
        self,
        function: Callable[[Chunk], Result],
        chunks: Collection[Chunk],
        *,
        key: Hashable,
        workers: int,
        pinned: bool = False,
    ) -> Iterator[Result]:
        """Do as `mapped` does; `key` says which function it is: workers know that of their start.

        A pass that begins while another of the same key is under way has workers of its own. One
        that was left early leaves nothing for the next to see; one that failed ends its workers.
        """
        workers = min(workers, available_cores(), len(chunks))
        kind = key, workers, pinned
        if kind not in self._free:
            self._free[kind] = _opened(function, workers, pinned)
        source, loader = self._free.pop(kind)
        source.chunks = chunks
        try:
            for result in loader:
                if isinstance(result, InputError):
                    raise result
                yield result
        except GeneratorExit:
            self._free[kind] = source, loader
            raise
        self._free[kind] = source, loader


class _Source(Generic[Chunk]):
    """The chunks of the pass under way, as the loader's sampler."""

    chunks: Collection[Chunk] = ()

    def __iter__(self) -> Iterator[Chunk]:
        return iter(self.chunks)

    def __len__(self) -> int:
        return len(self.chunks)


def _opened(
    function: Callable[[Chunk], Result], workers: int, pinned: bool
) -> tuple[_Source[Chunk], DataLoader[Any]]:
    source: _Source[Chunk] = _Source()
    return source, DataLoader(
        _Mapped(function),
        sampler=source,
        batch_size=None,
        collate_fn=_as_it_is,
        num_workers=workers,
        pin_memory=pinned,
        persistent_workers=workers > 0,
        # without one of its own the loader draws its seed from the global generator
        generator=torch.Generator(),
    )


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
