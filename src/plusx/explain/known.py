"""Figures that may not exist, in JSON and in text: NaN is none."""

import math

__all__ = ["known", "shown"]


def known(value: float) -> float | None:
    """Return the figure, or None, which JSON has a word for."""
    return value if math.isfinite(value) else None


def shown(value: float, *, digits: int = 2) -> str:
    """Write a figure for a table.

    >>> shown(0.128), shown(-0.0001), shown(float("nan"))
    ('0.13', '0.00', '-')
    """
    return f"{value:z.{digits}f}" if math.isfinite(value) else "-"
