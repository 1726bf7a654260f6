"""What a network answers, and how far it is from the labels."""

import torch
import torch.nn.functional as F
from torch import Tensor

from plusx.doctor.finding import NotApplicable
from plusx.doctor.mode import evaluating
from plusx.doctor.patient import Patient

__all__ = ["are_shares", "number_of_answers", "surprise"]


def are_shares(y: Tensor) -> bool:
    """Whether every row is a distribution: two and more entries, none below 0, their sum is 1."""
    if y.dim() != 2 or y.shape[1] < 2:
        return False
    sums = y.detach().float().sum(1)
    return bool((y.detach() >= 0).all() and ((sums - 1).abs() < 1e-3).all())


def surprise(y: Tensor, labels: Tensor) -> Tensor:
    """-log p(label): of logits, or of probabilities where the network gives these."""
    if are_shares(y):
        return F.nll_loss(y.float().clamp_min(1e-12).log(), labels)
    return F.cross_entropy(y.float(), labels)


def number_of_answers(patient: Patient) -> int:
    """Count the classes; raises `NotApplicable` where the output is not (B, 2 or more)."""
    with evaluating(patient.model), torch.no_grad():
        y = patient.logits(patient.model, patient.x[:2])
    if y.dim() != 2 or y.shape[1] < 2 or not y.is_floating_point():
        raise NotApplicable(
            f"the output is {tuple(y.shape)}, expected a logit for each of two or more classes"
        )
    return y.shape[1]
