"""Are the labels the numbers of the network's classes?"""

from collections.abc import Iterator

from plusx.doctor.finding import Finding, NotApplicable
from plusx.doctor.learning.answers import number_of_answers
from plusx.doctor.learning.targets import outside
from plusx.doctor.patient import Patient

__all__ = ["labels"]

CHECK = "learning.labels"
FEW = 50  # outputs that no label uses, from which on they are worth a word
LABELLED = 200  # images from which on the classes that occur are about all


def labels(patient: Patient) -> Iterator[Finding]:
    """Hold the labels against 0 to classes - 1, the rows of the network's head."""
    given = patient.material.labels
    if given is None or not patient.material.real or not len(given):
        raise NotApplicable("there are no labels of classes; give data")
    count, wrong = number_of_answers(patient), outside(patient)
    low, high = int(given.min()), int(given.max())
    figure = f"labels from {low} to {high}, {count} outputs"
    if len(wrong):
        share = float(((given < 0) | (given >= count)).float().mean())
        yield Finding(
            check=CHECK,
            verdict="wrong",
            title="There are labels that are no class of the network",
            figure=f"{figure}; {share:.1%} of the labels are outside, such as {int(wrong[-1])}",
            threshold=f"0 to {count - 1}: the places of its outputs",
            place="labels",
            cause="labels out of range",
            why=_why(low, high, count),
            next=_next(low, high, count),
            weight=3,
        )
        return
    spare = count - 1 - high
    remark = spare >= FEW and len(given) >= LABELLED and spare > high
    yield Finding(
        check=CHECK,
        verdict="fine",
        title="All labels are classes of the network",
        figure=figure + (f"; {spare} outputs have no image here" if remark else ""),
        threshold=f"0 to {count - 1}: the places of its outputs",
        next=f"num_classes={high + 1} would be enough, if there are no other classes"
        if remark
        else "",
    )


def _why(low: int, high: int, count: int) -> str:
    if low == 1 and high == count:
        return "the classes are numbered from 1, the outputs from 0"
    if low < 0:
        return "a loss counts a label below 0 as an error, or leaves its image out"
    return f"the labels name {high + 1} classes, and the head has {count} outputs"


def _next(low: int, high: int, count: int) -> str:
    if low == 1 and high == count:
        return "subtract 1 from the labels"
    if low < 0:
        return "number the classes from 0; give the loss the ignore_index of what is to be left out"
    return f"make the network with num_classes={high + 1}, or see which labels are too large"
