"""Does the loss fall on the data, in a short probe?"""

import math
from collections.abc import Iterator
from statistics import mean

import torch

from plusx.doctor.finding import Finding, NotApplicable, TooLong
from plusx.doctor.learning.answers import number_of_answers
from plusx.doctor.learning.bounded import need_bounded
from plusx.doctor.learning.spare import affordable, seconds_for
from plusx.doctor.learning.steps import loss_of, raised, take_step
from plusx.doctor.learning.targets import need_targets
from plusx.doctor.learning.trend import fall
from plusx.doctor.patient import Patient

__all__ = ["probe"]

CHECK = "learning.data"
SHARE = 0.2  # of the budget: 12 s of a minute
STEPS, FEWEST = 40, 20
ENDS = 6  # steps at both ends that are told
LEAST = 0.02  # share by which the loss must fall; on Fashion-MNIST 0.33 in resnet20, 0.1 in a ViT
MARGIN = 3.0  # standard errors of the fall
ENOUGH = 16  # images of a step, below which a rise is no sign: rates are chosen for larger batches


def probe(patient: Patient) -> Iterator[Finding]:
    """Train on the images in some order, with the caller's optimizer or with Adam at 1e-3."""
    x, y = patient.material.x, patient.material.labels
    if not patient.material.real or y is None:
        raise NotApplicable("there are no labelled images; give data")
    if len(x) < 64 or patient.material.context:
        raise NotApplicable(f"{len(x)} images by themselves are too few, expected 64 or more")
    count = number_of_answers(patient)
    need_targets(patient)
    need_bounded(patient)
    seconds = seconds_for(patient, SHARE)
    batch = affordable(patient, x[:16], seconds=seconds / FEWEST)
    if len(batch) < 8 or batch.shape[1:] != x.shape[1:]:
        raise TooLong("a step takes too long for this budget")
    guess = float(loss_of(patient)(torch.zeros(len(y), count), y).detach())
    losses = _losses(patient, len(batch), seconds=seconds)
    if not all(map(math.isfinite, losses[:ENDS])):
        raise NotApplicable("the training step tells no loss, or none that is finite")
    if len(losses) < FEWEST:
        raise TooLong(f"only {len(losses)} steps of {len(batch)} images fit into the time")
    first, last = mean(losses[:ENDS]), mean(losses[-ENDS:])
    down, error = fall(losses)
    rises = not down > -MARGIN * error
    still = abs(down) + MARGIN * error < LEAST * first
    if rises and len(batch) < ENOUGH:
        raise NotApplicable(f"the loss rises, in steps of {len(batch)} images: too few to tell")
    falls = last < guess / 2 or not (rises or still)
    yield Finding(
        check=CHECK,
        verdict="fine" if falls else "warning",
        title="The loss falls on the data" if falls else "The loss does not fall on the data",
        figure=f"from {first:.3g} to {last:.3g} in {len(losses)} steps of {len(batch)} images; a "
        f"line through all falls by {down:.2g}, with an error of {error:.2g}",
        threshold=f"{MARGIN:g} errors below 0 is a rise, as many below {LEAST:.0%} no fall; or "
        f"below half of {guess:.3g}, which constant logits have",
        cause="" if falls else "does not learn",
        why="" if falls else "the rate, the labels or the network does not let it",
        next="" if falls else "mend what else is found first, then look at the learning-rate range",
    )


def _share(patient: Patient, optimizer: torch.optim.Optimizer, batch: int) -> float:
    """Return the part of the rate that suits a smaller batch: Goyal et al. 2017, section 2.1.

    Adam's steps do not grow with the gradient; there it is the root (Malladi et al. 2022).
    """
    size = patient.training.batch_size if patient.training is not None else None
    share = min(1.0, batch / (size or batch))
    return math.sqrt(share) if "betas" in optimizer.param_groups[0] else share


def _losses(patient: Patient, batch: int, *, seconds: float) -> list[float]:
    """Take steps on one batch of the material after the other, in an order of its own."""
    x, y = patient.material.x, patient.material.labels
    assert y is not None
    end, losses = patient.budget.taken + seconds, []
    model, optimizer = patient.fresh()
    if optimizer is None:
        optimizer = torch.optim.Adam((p for p in model.parameters() if p.requires_grad), lr=1e-3)
    raised(optimizer, _share(patient, optimizer, batch))
    order = torch.cat([torch.randperm(len(x)) for _ in range(math.ceil(STEPS * batch / len(x)))])
    for at in range(STEPS):
        some = order[at * batch : (at + 1) * batch]
        losses.append(take_step(patient, model, optimizer, x[some], y[some]))
        if patient.budget.taken > end:
            break
    return losses
