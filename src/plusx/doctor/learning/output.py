"""What a training step makes of the network's output: the gradient that its loss has there."""

from dataclasses import dataclass

import torch
from torch import Tensor

from plusx.doctor.finding import NotApplicable
from plusx.doctor.learning.steps import take_step
from plusx.doctor.learning.targets import need_targets
from plusx.doctor.mode import evaluating
from plusx.doctor.patient import Patient
from plusx.tape import watch

__all__ = ["Seen", "output_of_step"]


@dataclass(frozen=True, eq=False)
class Seen:
    """What a step's loss did to the network's output: its gradient there, (B, classes)."""

    y: Tensor
    labels: Tensor
    gradient: Tensor


def output_of_step(patient: Patient, *, times: int = 1) -> Seen:
    """Take the step on `times` copies of the batch; its labels are those that are least likely.

    So every image has a gradient, also of a network that knows them all.
    """
    need_targets(patient)
    model, optimizer = patient.fresh()
    if optimizer is None:
        raise NotApplicable("the optimizer is not known; give training=Training(optimizer=...)")
    if patient.material.y is not None and patient.material.labels is None:
        raise NotApplicable("the targets are no classes")
    with evaluating(model), torch.no_grad():
        labels = patient.logits(model, patient.x[:4]).argmin(1)
    seen: list[Tensor] = []

    def see(name: str, x: Tensor, y: Tensor) -> None:
        if isinstance(y, Tensor) and y.dim() == 2 and y.requires_grad:
            y.retain_grad()
            seen.append(y)

    x = torch.cat([patient.x[:4]] * times)
    with watch({"": model}, see):
        take_step(patient, model, optimizer, x, labels.repeat(times))
    if not seen or seen[-1].grad is None:
        raise NotApplicable("the step's loss does not pass through one output (B, classes)")
    return Seen(seen[-1].detach(), labels.repeat(times), seen[-1].grad.float())
