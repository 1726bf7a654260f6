"""Difference: what is other in a network than in the one that was meant."""

from dataclasses import dataclass

__all__ = ["Difference", "number"]

NUMBERS = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")


@dataclass(frozen=True)
class Difference:
    """`words` say it; `place` is the first of the `count` places."""

    cause: str
    words: str
    place: str
    count: int = 1


def number(count: int) -> str:
    """Write a number as a word where that is shorter to read.

    >>> number(3), number(24)
    ('three', '24')
    """
    return NUMBERS[count] if count < len(NUMBERS) else str(count)
