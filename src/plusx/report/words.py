"""Numbers as a person reads them."""

import math

__all__ = ["count", "number", "percent", "size", "time"]

NOT_FINITE = "not finite"


def percent(share: float) -> str:
    """Return a share as "97.3%"; values so near to 0% or 100% that they would round get a digit.

    >>> percent(0.973), percent(0.99971), percent(1.0)
    ('97.3%', '99.97%', '100%')
    """
    if not math.isfinite(share):
        return NOT_FINITE
    if share in (0.0, 1.0):
        return f"{share:.0%}"
    return f"{share:.1%}" if 0.0005 <= share < 0.9995 else f"{share:.2%}"


def number(value: float) -> str:
    """Return three significant digits: "0.0125", "1.94"."""
    if not math.isfinite(value):
        return NOT_FINITE
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"


def count(things: int, one: str, many: str = "") -> str:
    """Return "1 image", "1,797 images"."""
    return f"{things:,} {one if things == 1 else many or one + 's'}"


def size(num_bytes: float) -> str:
    """Return bytes as "512 MiB", "1.46 GiB"."""
    mebibytes = num_bytes / 2**20
    return f"{mebibytes:,.0f} MiB" if mebibytes < 1024 else f"{mebibytes / 1024:.2f} GiB"


def time(seconds: float) -> str:
    """Return a duration as "8.4 s", "3 min 20 s" or "2 h 05 min".

    >>> time(8.44), time(200), time(7500)
    ('8.4 s', '3 min 20 s', '2 h 05 min')
    """
    if not math.isfinite(seconds):
        return NOT_FINITE
    if seconds < 59.95:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest} s"
    return f"{minutes // 60} h {minutes % 60:02d} min"
