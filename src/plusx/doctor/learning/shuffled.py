"""Does a loader for training mix the classes?

Bottou 2012, "Stochastic gradient descent tricks", section 4.2: examples in an order have gradients
that all lead away from what was learned before.
"""

from collections.abc import Iterator

from plusx.doctor.finding import Finding, NotApplicable
from plusx.doctor.patient import Patient

__all__ = ["shuffled"]

CHECK = "learning.shuffled"


def shuffled(patient: Patient) -> Iterator[Finding]:
    """Tell of a loader in the order of its set, which lies class by class, where training is known.

    Without training it may be the loader of an evaluation, whose order does not matter.
    """
    by_class = patient.material.by_class
    if by_class is None or patient.training is None:
        raise NotApplicable("the loader of a training is not known; give one as data")
    yield Finding(
        check=CHECK,
        verdict="warning" if by_class else "fine",
        title="The loader gives one class after the other"
        if by_class
        else "The loader does not give one class after the other",
        figure="it keeps the order of its data set, whose labels rise from class to class"
        if by_class
        else "",
        threshold="a training loader draws a new order each epoch",
        place="loader" if by_class else "",
        cause="not shuffled" if by_class else "",
        why="each step sees one class alone and unlearns the others, and batch norm's statistics "
        "are those of one class"
        if by_class
        else "",
        next="DataLoader(..., shuffle=True), if this is the one for training" if by_class else "",
        weight=2,
    )
