"""assert_healthy(model): the examination as a test."""

import warnings
from typing import Literal

from torch import nn

from plusx.doctor.budget import Budget
from plusx.doctor.diagnosis import Diagnosis
from plusx.doctor.examine import examine
from plusx.doctor.training import Training

__all__ = ["ExaminedInPartWarning", "assert_healthy"]


class ExaminedInPartWarning(UserWarning):
    """Time ran out before all questions of the budget were asked; nothing is wrong by itself."""


def assert_healthy(
    model: nn.Module,
    data: object = None,
    *,
    expect: str | None = None,
    budget: str | float | Budget = "10s",
    training: Training | None = None,
    fail_on: Literal["warning", "wrong"] = "wrong",
) -> Diagnosis:
    """Examine `model` and raise `AssertionError` with the table where something is wrong.

    As a test of pytest it takes no more than `budget`; with `fail_on="warning"` it is stricter.
    What there was no time to ask on a busy machine is an `ExaminedInPartWarning`.

    >>> from plusx import create
    >>> assert_healthy(create("resnet8", num_classes=10)).verdict
    'fine'
    """
    __tracebackhide__ = True  # pytest shows the caller's line
    found = examine(model, data, expect=expect, budget=budget, training=training)
    bad = ("wrong",) if fail_on == "wrong" else ("wrong", "warning")
    if found.verdict in bad:
        raise AssertionError(f"\n{found.table()}")
    if not found.extent.complete:
        said = found.sentence(more="give a longer budget")
        warnings.warn(said, ExaminedInPartWarning, stacklevel=2)
    return found
