"""Budget: how long an examination may take."""

import re
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from plusx.errors import InputError

__all__ = ["QUICK", "Budget"]

QUICK = 15.0
"""With fewer seconds than this, checks that train or read much are left out."""


@dataclass(frozen=True)
class Budget:
    """Seconds, from when it was made, by `clock`.

    On a machine that others use, too, `time.thread_time` counts only what this examination takes:
    it comes to the same findings there, later.
    """

    seconds: float
    clock: Callable[[], float] = time.monotonic
    began: float = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "began", self.clock())

    @property
    def quick(self) -> bool:
        """Whether only the short checks are asked."""
        return self.seconds < QUICK

    @property
    def left(self) -> float:
        """Return the seconds that are left."""
        return self.seconds - self.taken

    @property
    def taken(self) -> float:
        """Return the seconds since it was made."""
        return self.clock() - self.began

    @classmethod
    def parse(cls, words: str | float) -> "Budget":
        """Read "10s", "1m", "2.5m" or seconds.

        >>> Budget.parse("1m").seconds, Budget.parse("10s").quick
        (60.0, True)
        """
        found = re.fullmatch(r"(\d+(?:\.\d+)?)\s*(s|m|h)?", str(words).strip())
        seconds = float(found[1]) * {"s": 1, "m": 60, "h": 3600}[found[2] or "s"] if found else 0.0
        if not seconds:
            raise InputError(f"budget is {words!r}; expected a time above 0 such as 10s or 1m")
        return cls(seconds)
