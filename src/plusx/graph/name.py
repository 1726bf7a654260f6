"""names(joins): an address for each join that a reader of the model recognises."""

from collections import Counter
from collections.abc import Sequence

from plusx.graph.join import Join

__all__ = ["names", "numbered"]


def names(found: Sequence[Join]) -> list[str]:
    """Name each join after the smallest module that holds it and both its ways.

    Where a module holds several they are numbered in the order of execution: `h.0:1`, `h.0:2`.
    """
    return numbered([join.holder for join in found])


def numbered(holders: Sequence[str]) -> list[str]:
    """Number the addresses that come several times, in their order.

    >>> numbered(["a", "b", "a"])
    ['a:1', 'b', 'a:2']
    """
    several = {holder for holder, count in Counter(holders).items() if count > 1}
    numbers: Counter[str] = Counter()
    made = []
    for holder in holders:
        numbers[holder] += 1
        made.append(f"{holder}:{numbers[holder]}" if holder in several else holder)
    return made
