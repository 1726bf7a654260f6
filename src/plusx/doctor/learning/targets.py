"""What the loss is fed with, and whether steps can be judged with it."""

import warnings
from collections.abc import Callable, MutableMapping
from weakref import WeakKeyDictionary

import torch
from torch import Tensor

from plusx.doctor.finding import NotApplicable
from plusx.doctor.learning.answers import number_of_answers
from plusx.doctor.mode import evaluating
from plusx.doctor.patient import Patient

__all__ = ["need_targets", "outside"]

Loss = Callable[[Tensor, Tensor], Tensor]

STRETCHED = "Using a target size"  # what PyTorch says of targets of another shape than the outputs
IGNORED = -100  # PyTorch's ignore_index where nothing else is said

_KNOWN: MutableMapping[Patient, str] = WeakKeyDictionary()


def need_targets(patient: Patient) -> None:
    """Raise `NotApplicable` where a training step says nothing, for want of targets that fit."""
    if patient not in _KNOWN:
        _KNOWN[patient] = _unfit(patient)
    if _KNOWN[patient]:
        raise NotApplicable(_KNOWN[patient])


def _unfit(patient: Patient) -> str:
    training, y = patient.training, patient.material.y
    if isinstance(patient.optimizer, torch.optim.LBFGS):
        return "LBFGS runs the network many times in a step: its single steps are not judged"
    if training is None or (training.loss is None and training.step is None):
        classes = y is None or patient.material.labels is not None
        return _beyond(patient) if classes else "the targets are no classes, give Training(loss=)"
    return _beyond(patient) or _refused(patient)


def _beyond(patient: Patient) -> str:
    if not len(outside(patient)):
        return ""
    return f"there are labels outside of the network's {number_of_answers(patient)} classes"


def outside(patient: Patient) -> Tensor:
    """Return the labels that are none of the network's classes, nor left out by its loss."""
    labels = patient.material.labels
    if labels is None:
        return torch.empty(0, dtype=torch.int64)
    try:
        count = number_of_answers(patient)
    except NotApplicable:  # one output, or many for an image: they count no classes
        return torch.empty(0, dtype=torch.int64)
    found: Tensor = labels[(labels < 0) | (labels >= count)].unique().cpu()
    loss = patient.training.loss if patient.training is not None else None
    left_out = all(_leaves_out(loss, label, count) for label in found)
    return torch.empty(0, dtype=torch.int64) if left_out else found


def _leaves_out(loss: Loss | None, label: Tensor, count: int) -> bool:
    if loss is None:
        return int(label) == IGNORED
    try:
        loss(torch.zeros(2, count), torch.stack([label, label]))
    except Exception:  # of somebody's code: such as an index that is out of bounds
        return False
    return True


def _refused(patient: Patient) -> str:
    """Say why the loss does not take the targets, or classes where no targets are known."""
    training = patient.training
    assert training is not None
    if training.loss is None:
        return ""
    with evaluating(patient.model), torch.no_grad():
        y = patient.logits(patient.model, patient.x[:4])
    known = patient.material.y is not None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            warnings.filterwarnings("error", message=STRETCHED)
            told = training.loss(y.detach().requires_grad_(), patient.y[:4])
    except Exception as error:  # of somebody's code
        words = (str(error).strip() or "-").splitlines()[0]
        what = "these targets" if known else "classes, and its targets are not known"
        return f"the loss does not take {what} ({words})"
    return "" if told.requires_grad else "the loss has no gradient"
