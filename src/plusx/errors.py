"""Errors that a person can act on: what was given, what was expected, what to do."""

import difflib
from collections.abc import Iterable

__all__ = ["InputError", "nearest"]


class InputError(ValueError):
    """The input is at fault, not the program; the message says how to put it right.

    The command line prints the message alone and exits with status 2.
    """


def nearest(word: str, known: Iterable[str], *, count: int = 1) -> str:
    """Return "; did you mean 'resnet20'?" for the nearest known words, or nothing.

    >>> nearest("resnet21", ["resnet20", "plain20"])
    "; did you mean 'resnet20'?"
    >>> nearest("resnet21", ["resnet20", "plain20", "resnet2"], count=2)
    "; did you mean 'resnet2' or 'resnet20'?"
    """
    matches = [repr(match) for match in difflib.get_close_matches(word, list(known), n=count)]
    said = " or ".join(filter(None, [", ".join(matches[:-1]), *matches[-1:]]))
    return f"; did you mean {said}?" if said else ""
