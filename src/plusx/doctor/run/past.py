"""A training run that is past: what its folder tells."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, fields
from fractions import Fraction
from math import lcm
from pathlib import Path
from typing import Any

from plusx.data import InputSpec
from plusx.doctor.finding import NotApplicable
from plusx.doctor.patient import Patient
from plusx.errors import InputError
from plusx.train.config import TrainConfig
from plusx.train.curve_rules import chance
from plusx.train.folder import RunFolder
from plusx.train.result import Epoch

__all__ = ["FEW", "Past", "past"]

FEW = 5
"""Epochs below which the curves of a run are not judged."""


@dataclass(frozen=True, eq=False)
class Past:
    """Settings and curves of a run; `test` is None where it has not ended."""

    config: TrainConfig
    epochs: tuple[Epoch, ...]
    test: dict[str, Any] | None
    num_classes: int
    num_val: int
    log: str

    @property
    def last(self) -> Epoch:
        """The last epoch."""
        return self.epochs[-1]

    @property
    def accuracy(self) -> float:
        """Of the test, or the best on validation."""
        if self.test is not None:
            return float(self.test["accuracy"])
        return max(epoch.val_accuracy for epoch in self.epochs)

    @property
    def chance(self) -> float:
        """What naming the commonest class is right for."""
        return chance(self.num_classes, self.test["confusion"] if self.test else None)


def past(patient: Patient, *, few: int = 1) -> Past:
    """Read the run's folder; `NotApplicable` without one, or with fewer than `few` epochs."""
    if patient.run is None:
        raise NotApplicable("no run folder was given")
    try:
        run = RunFolder.at(patient.run)
        config = run.read_config()
        events = _events(patient.run / "metrics.jsonl")
    except InputError as error:
        raise NotApplicable(str(error)) from error
    names = {field.name for field in fields(Epoch)}
    epochs = tuple(
        Epoch(**{name: event[name] for name in names})
        for event in events
        if event.get("event") == "epoch" and names <= event.keys()
    )
    if len(epochs) < few:
        raise NotApplicable(f"the run has {len(epochs)} epochs, and it takes {few} to judge this")
    log = patient.run / "log.txt"
    return Past(
        config=config,
        epochs=epochs,
        test=next((event for event in events if event.get("event") == "test"), None),
        num_classes=_num_classes(run) or patient.num_classes,
        num_val=least_count([epoch.val_accuracy for epoch in epochs]),
        log=log.read_text() if log.exists() else "",
    )


def least_count(shares: Sequence[float]) -> int:
    """Return the least number of images of which all these can be shares.

    >>> least_count([3 / 142, 71 / 142])
    142
    """
    return lcm(*(Fraction(share).limit_denominator(1_000_000).denominator for share in shares))


def _events(path: Path) -> list[dict[str, Any]]:
    try:
        return [json.loads(line) for line in path.read_text().splitlines() if line.strip()]
    except (OSError, ValueError) as error:
        raise InputError(
            f"{path} cannot be read ({error}), expected one JSON object a line; give a folder "
            "that `plusx train` made"
        ) from error


def _num_classes(run: RunFolder) -> int:
    path = run.model / "input.json"
    return len(InputSpec.from_json(path.read_text()).classes) if path.exists() else 0
