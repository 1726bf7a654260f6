"""The help of a verb with many options: in groups, what a newcomer needs first."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from cyclopts.help import DefaultFormatter

if TYPE_CHECKING:
    from cyclopts.help import HelpEntry, HelpPanel

__all__ = ["DOCTOR", "EXPLAIN", "GATES", "TRAIN", "Grouped"]

TRAIN: Mapping[str, Sequence[str]] = {
    "Start with": ("data", "model", "recipe", "epochs", "out"),
    "Given weights, few images": ("weights", "tune", "small-data"),
    "Data": ("size", "flip", "workers", "in-memory"),
    "Network": ("options", "drop-path"),
    "Optimisation": (
        "batch-size",
        "learning-rate",
        "optimizer",
        "momentum",
        "weight-decay",
        "decayed",
        "schedule",
        "warmup",
        "milestones",
        "factor",
        "least-steps",
        "accumulate",
        "clip",
        "loss",
        "label-smoothing",
    ),
    "Augmentation": (
        "train-size",
        "mixup",
        "cutmix",
        "cutout",
        "erase",
        "jitter",
        "policy",
        "magnitude",
        "repeats",
    ),
    "Averaging": ("ema", "views"),
    "Machine": (
        "device",
        "devices",
        "precision",
        "compile",
        "fast",
        "recompute",
        "memory-budget",
        "norms",
        "shard",
        "stages",
    ),
    "The run": ("seed", "track", "on-full-disk", "anyway"),
    "Look for settings, train nothing": ("find-lr", "find-batch-size", "plot", "json"),
}
"""Options of `plusx train` by group; one that is nowhere comes last, under "Other"."""

DOCTOR: Mapping[str, Sequence[str]] = {
    "What is examined": ("target", "data", "expect", "weights", "arg"),
    "Where name and data do not say it": ("size", "num-classes", "in-channels"),
    "How long": ("budget", "quick"),
    "What comes of it": ("html", "json", "all", "fail-on"),
}
"""Options of `plusx doctor` by group."""

EXPLAIN: Mapping[str, Sequence[str]] = {
    "What is explained": ("network", "IMAGE", "count", "target"),
    "How": ("method", "unit", "features"),
    "Where a network that is no run does not say it": (
        "data",
        "weights",
        "arg",
        "size",
        "num-classes",
        "in-channels",
    ),
    "What comes of it": ("out", "json"),
}
"""Options of `plusx explain` by group."""

GATES: Mapping[str, Sequence[str]] = {
    "What is looked at": ("network", "data", "count", "gate"),
    "Where a network that is no run does not say it": ("weights", "arg", "size"),
    "What comes of it": ("out", "json"),
}
"""Options of `plusx gates` by group."""


class Grouped(DefaultFormatter):
    """Draw the options of a verb as the panels of `groups`, in their order.

    The negative of a flag is shown where it says something: where the flag is not off by itself.
    """

    def __init__(self, groups: Mapping[str, Sequence[str]]) -> None:
        super().__init__()
        self._groups = groups

    def __call__(self, console: Any, options: Any, panel: "HelpPanel") -> None:
        """Draw what cyclopts has in one panel."""
        left = {_key(entry): entry for entry in panel.entries if _key(entry)}
        for title, names in self._groups.items():
            entries = [_shown(left.pop(name)) for name in names if name in left]
            super().__call__(console, options, panel.copy(title=title, entries=entries))
        others = [_shown(entry) for entry in left.values()]
        super().__call__(console, options, panel.copy(title="Other", entries=others))


def _key(entry: "HelpEntry") -> str:
    """Return the name of an option, or of an argument that is given by its place alone."""
    return entry.names[0].removeprefix("--") if entry.names else entry.positional_label or ""


def _shown(entry: "HelpEntry") -> "HelpEntry":
    negative = entry.negative_names if entry.default is None else ()
    said = entry.default if entry.default not in ("False", "{}", "") else None
    if entry.positive_names == ("--options",):
        entry = entry.copy(positive_names=("--options.NAME",), metavar="VALUE")
    negative = tuple(name for name in negative if name.startswith("--no-"))
    return entry.copy(negative_names=negative, default=said)
