"""Is the batch large beside the gradient's noise?

McCandlish et al. 2018, "An empirical model of large-batch training", arXiv 1812.06162: S / |G|^2 is
about the batch beyond which larger ones save few steps.
"""

import math
from collections.abc import Iterator

import torch
from torch import Tensor

from plusx.doctor.finding import Finding, NotApplicable, TooLong
from plusx.doctor.learning.answers import number_of_answers
from plusx.doctor.learning.spare import affordable, seconds_for
from plusx.doctor.learning.steps import loss_of
from plusx.doctor.learning.targets import need_targets
from plusx.doctor.patient import Patient
from plusx.train.noise import noise_scale

__all__ = ["noise"]

CHECK = "learning.noise"
SHARE = 0.05  # of the budget: 3 s of a minute
PART, PARTS, FEWEST = 8, 4, 3  # gradients of 8 images, four of them a group, three groups
FAR = 50  # times below the noise scale a batch is small


def noise(patient: Patient) -> Iterator[Finding]:
    """Compare gradients of a few images with those of four times as many, at the present weights.

    A batch norm sees the few in both, so that they are gradients of the same loss.
    """
    x, y = patient.material.x, patient.material.labels
    need = PART * PARTS * FEWEST
    if not patient.material.real or y is None or len(x) < need:
        raise NotApplicable(f"there are fewer than {need} labelled images; give data")
    if patient.material.context:
        raise NotApplicable("the network takes more than images")
    number_of_answers(patient)
    need_targets(patient)
    seconds = seconds_for(patient, SHARE)
    fits = affordable(patient, x[:PART], seconds=seconds / (PARTS * FEWEST))
    if fits.shape != x[:PART].shape:
        raise TooLong("a step takes too long for this budget")
    found = noise_scale(_groups(patient, seconds=seconds), small=PART, parts=PARTS)
    if found is None:
        raise NotApplicable("the noise is not clear from so few gradients")
    scale, low, high = found
    size = patient.training.batch_size if patient.training is not None else None
    noisy = size is not None and size * FAR < low
    yield Finding(
        check=CHECK,
        verdict="warning" if noisy else "fine",
        title="The batch is small beside the gradient's noise"
        if noisy
        else "The gradient is measured well enough",
        figure=f"noise scale {scale:.3g} images, 95% interval {low:.2g} to {high:.2g}"
        + (f"; the batch has {size}" if size is not None else ""),
        threshold=f"a batch {FAR} times smaller wastes steps; it grows in training",
        cause="noisy gradient" if noisy else "",
        why="steps go mostly where single images pull" if noisy else "",
        next=f"train with batches of {2 ** round(math.log2(max(scale / 4, 1)))} and a higher rate"
        if noisy
        else "",
        weight=2,
    )


def _groups(patient: Patient, *, seconds: float) -> list[tuple[float, float]]:
    """Return for each group the mean |g|^2 of its parts, and |g|^2 of their mean."""
    x, y = patient.material.x, patient.material.labels
    assert y is not None
    end, groups = patient.budget.taken + seconds, []
    order = torch.randperm(len(x))
    for at in range(len(x) // (PART * PARTS)):
        some = order[at * PART * PARTS : (at + 1) * PART * PARTS]
        grads = [_gradient(patient, x[part], y[part]) for part in some.split(PART)]
        squares = [float(g.square().sum()) for g in grads]
        groups.append((sum(squares) / PARTS, float((sum(grads) / PARTS).square().sum())))  # type: ignore[union-attr]
        if patient.budget.taken > end and len(groups) >= FEWEST:
            break
    return groups


def _gradient(patient: Patient, x: Tensor, y: Tensor) -> Tensor:
    model = patient.model.train()
    learning = [p for p in model.parameters() if p.requires_grad]
    loss = loss_of(patient)(patient.logits(model, x), y)
    grads = torch.autograd.grad(loss, learning, allow_unused=True)
    return torch.cat([g.flatten().double() for g in grads if g is not None])
