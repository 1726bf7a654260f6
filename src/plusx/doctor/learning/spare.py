"""How much of the examination's time a question may take, and a batch that fits into it."""

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from plusx.doctor.mode import evaluating
from plusx.doctor.patient import Patient

__all__ = ["affordable", "seconds_for"]

SIDE = 96  # images that are larger are made so small, where the network takes them


def seconds_for(patient: Patient, share: float) -> float:
    """Return `share` of the budget, and at most half of what is left."""
    return max(0.0, min(patient.budget.seconds * share, patient.budget.left / 2))


def affordable(patient: Patient, x: Tensor, *, seconds: float) -> Tensor:
    """Return as much of x as a training step may take: fewer images or smaller ones, or none.

    A step is taken for three forward passes, of as many images.
    """
    each = _seconds_an_image(patient, x[:2], at_most=seconds)
    for count in (16, 8):
        if count <= patient.at_once and 3 * each * min(count, len(x)) <= seconds:
            return x[:count]
    if x.dim() == 4 and x.is_floating_point() and min(x.shape[-2:]) > SIDE:
        small = F.interpolate(x[:8].float(), size=(SIDE, SIDE), mode="bilinear", antialias=True)
        small = small.to(x.dtype)
        if 3 * len(small) * _seconds_an_image(patient, small[:2], at_most=seconds) <= seconds:
            return small
    count = min(4, patient.at_once)
    return x[:count] if 3 * each * count <= seconds else x[:0]


def _seconds_an_image(patient: Patient, x: Tensor, *, at_most: float) -> float:
    """Time a forward pass, after one that a size's first pass makes slower if that was short."""
    taken = math.inf
    with evaluating(patient.model), torch.no_grad():
        for _ in range(2):
            start = patient.budget.taken
            try:
                patient.logits(patient.model, x)
            except (RuntimeError, ValueError, AssertionError):  # it takes one size of image alone
                return math.inf
            taken = (patient.budget.taken - start) / len(x)
            if taken > at_most:
                break
    return taken
