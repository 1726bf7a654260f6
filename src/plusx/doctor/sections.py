"""The examination: its sections, and the order in which their questions are asked."""

from collections.abc import Callable, Mapping, Sequence

from plusx.doctor.check import Check

__all__ = ["SECTIONS", "checks", "urgent_first"]

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


FIRST = (
    "wiring.runs",
    "wiring.registered",
    "learning.optimizer",
    "learning.logits",
    "learning.labels",
    "images.scale",
    "images.constant",
    "wiring.gradient",
    "learning.steps",
    "learning.trains",
    "learning.evaluates",
    "run.learned",
    "run.steady",
    "wiring.samples",
    "wiring.statistics",
    "wiring.repeat",
    "wiring.writes",
    "shortcuts.gradient",
    "shortcuts.overwritten",
    "shortcuts.row",
    "shortcuts.ends",
    "shortcuts.doubled",
    "shortcuts.equation",
    "signal.start",
    "signal.activation",
    "signal.depth",
    "identity.stem",
    "identity.preact",
    "identity.network",
    "learning.reduction",
    "learning.bounded",
    "images.labels",
    "images.channels",
    "images.noise",
    "learning.one_batch",
    "learning.rate",
    "wiring.state",
    "wiring.modes",
    "learning.data",
)
"""Where time may run out: what sees a cause itself in a few passes, some hundredths of a second in
resnet18 and resnet20; of the long ones, what tells most."""


def urgent_first(asked: Sequence[Check]) -> list[Check]:
    """Return the same checks in the order in which to ask them, short ones before long ones."""
    places = {name: place for place, name in enumerate(FIRST)}
    return sorted(asked, key=lambda each: (not each.quick, places.get(each.name, len(FIRST))))
