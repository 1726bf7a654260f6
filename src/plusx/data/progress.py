"""How long readings tell how far they are: a bar that somebody else draws."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Protocol

__all__ = ["Progress", "silent"]


class Progress(Protocol):
    """Open a bar for `total` steps (None: unknown); the block gets `advance(steps)`."""

    def __call__(
        self, description: str, total: int | None
    ) -> AbstractContextManager[Callable[[int], object]]: ...


@contextmanager
def silent(description: str, total: int | None) -> Iterator[Callable[[int], object]]:
    """Draw nothing."""
    yield lambda steps: None
