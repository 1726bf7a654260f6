"""Does every image of a batch count once in the loss, and the batch as a mean?"""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from plusx.doctor.finding import Finding, NotApplicable
from plusx.doctor.learning.answers import number_of_answers
from plusx.doctor.learning.output import output_of_step
from plusx.doctor.learning.targets import need_targets
from plusx.doctor.mode import evaluating
from plusx.doctor.patient import Patient

__all__ = ["reduction"]

Loss = Callable[[Tensor, Tensor], Tensor]

CHECK = "learning.reduction"


@dataclass(frozen=True)
class _Counts:
    """Images, those with a gradient, and the loss of a batch taken twice over that of one."""

    images: int
    counted: int
    grown: float


def reduction(patient: Patient) -> Iterator[Finding]:
    """Double a batch: a mean stays, a sum doubles. Every image must have a gradient."""
    training = patient.training
    if training is None or (training.loss is None and training.step is None):
        raise NotApplicable("the loss is not known; give training=Training(loss=...)")
    number_of_answers(patient)
    need_targets(patient)
    if training.step is None and training.loss is not None:
        counts = _of_loss(patient, training.loss)
    else:
        once, twice = output_of_step(patient), output_of_step(patient, times=2)
        grown = 2 * float(twice.gradient.abs().mean() / once.gradient.abs().mean())
        counts = _Counts(len(once.gradient), _nonzero_rows(once.gradient), grown)
    title, why = _trouble(counts)
    figure = f"{counts.counted} of {counts.images} images have a gradient"
    if not math.isnan(counts.grown):
        figure += f"; the loss of the batch taken twice is {counts.grown:.3g} times that of one"
    yield Finding(
        check=CHECK,
        verdict="wrong" if why else "fine",
        title=title,
        figure=figure,
        threshold="all of them, and 1 time: a mean over the batch",
        cause="wrong reduction" if why else "",
        why=why,
        next="take the mean over the batch, as reduction='mean' does" if why else "",
        weight=3,
    )


def _trouble(counts: _Counts) -> tuple[str, str]:
    """Say what is so, and why that is bad if it is."""
    if counts.counted * 4 <= counts.images:
        title = f"The loss looks at {counts.counted} of {counts.images} images"
        return title, "nothing is learned of the others"
    if math.isnan(counts.grown):
        return "The loss gives a value for each image", "backward() takes a single number"
    if counts.grown > 1.5:
        why = "gradient and step grow with the batch, so that no usual learning rate fits"
        return "The loss is a sum over the batch", why
    return "The loss is a mean over the batch", ""


def _of_loss(patient: Patient, loss: Loss) -> _Counts:
    """Ask the loss of what the network answers, with the labels that are least likely.

    So every image has a gradient, also of a network that knows them all.
    """
    with evaluating(patient.model), torch.no_grad():
        answers = patient.logits(patient.model, patient.x[:8]).float()
    classes = patient.material.y is None or patient.material.labels is not None
    labels = answers.argmin(1) if classes else patient.y[:8]
    logits = answers.clone().requires_grad_()
    told = loss(logits, labels)
    (gradient,) = torch.autograd.grad(told.sum(), logits)
    counted = _nonzero_rows(gradient)
    if not torch.isfinite(told).all():
        raise NotApplicable("the loss of what the network answers is not finite")
    if told.numel() != 1:
        return _Counts(len(labels), counted, math.nan)
    with torch.no_grad():
        twice = loss(torch.cat([logits, logits]), torch.cat([labels, labels]))
    return _Counts(len(labels), counted, float(twice / told.detach()))


def _nonzero_rows(gradient: Tensor) -> int:
    return int((gradient.abs().sum(1) > 0).sum())
