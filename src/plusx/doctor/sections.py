"""The examination: its sections, in the order in which they are asked."""

from collections.abc import Callable

from plusx.doctor.check import Check

__all__ = ["SECTIONS", "checks"]

SECTIONS = ("wiring", "identity", "shortcuts", "signal", "learning", "images", "run", "cost")
"""Each is a package of its own, with its questions in `CHECKS`."""


def checks(wanted: Callable[[str], bool] = lambda section: True) -> list[Check]:
    """Return the checks of the sections that are wanted."""
    from importlib import import_module

    return [
        check
        for section in SECTIONS
        if wanted(section)
        for check in import_module(f"plusx.doctor.{section}").CHECKS
    ]
