"""What a call of the command line gives: (exit status, standard output, standard error)."""

from collections.abc import Callable

__all__ = ["Run"]

Run = Callable[..., tuple[int, str, str]]
