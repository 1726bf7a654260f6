"""The examination: its sections, in the order in which they are asked."""

from collections.abc import Callable, Mapping

from plusx.doctor.check import Check

__all__ = ["SECTIONS", "checks"]

SECTIONS: Mapping[str, str] = {
    "wiring": "Is everything connected as it should be?",
    "identity": "Is it the network that was meant?",
    "shortcuts": "Does every shortcut do what it is for?",
    "streams": "Does every stream count, where the network has several?",
    "signal": "Do signal and gradient come through at the start?",
    "learning": "Does it learn, and at a rate that suits it?",
    "images": "Are images and labels what they should be?",
    "run": "How did the run go?",
    "cost": "What does it cost, and is that much?",
}
"""What each asks; it is a package of its own, with its questions in `CHECKS`."""


def checks(wanted: Callable[[str], bool] = lambda section: True) -> list[Check]:
    """Return the checks of the sections that are wanted."""
    from importlib import import_module

    return [
        check
        for section in SECTIONS
        if wanted(section)
        for check in import_module(f"plusx.doctor.{section}").CHECKS
    ]
