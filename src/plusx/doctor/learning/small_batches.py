"""How much do an image's logits depend on the other images of its batch, through batch norms?

Wu and He 2018, "Group normalization", arXiv 1803.08494, figure 1: below 8 images batch norm's
statistics get worse; a group norm has none of other images.
"""

import math
from collections.abc import Iterator

import torch
from torch import nn

from plusx.doctor.finding import Finding, NotApplicable, TooLong
from plusx.doctor.learning.spare import affordable, seconds_for
from plusx.doctor.patient import Patient
from plusx.parts import group_norm
from plusx.surgery import exchange_norms

__all__ = ["small_batches"]

CHECK = "learning.small_batches"
SHARE = 0.04  # of the budget: 2.4 s of a minute
SMALL = 8  # images at once, below which Wu and He see batch norm fall behind
SIZES = (2, 4, 8)
DRAWS = 3
NOISE = 0.5  # share of a logit's deviation from image to image; resnet20 0.74 at 2, 0.48 at 4


def small_batches(patient: Patient) -> Iterator[Finding]:
    """Run the same images among others, in batches of several sizes, in training mode."""
    norms = [m for m in patient.model.modules() if isinstance(m, nn.modules.batchnorm._BatchNorm)]
    if not norms:
        raise NotApplicable("the network has no batch norm")
    if len(patient.x) < 2 * max(SIZES) or patient.material.context:
        raise NotApplicable(f"expected {2 * max(SIZES)} images that stand for themselves")
    seconds = seconds_for(patient, SHARE)
    passes = DRAWS * (len(SIZES) + 1)
    if len(affordable(patient, patient.x, seconds=3 * seconds / passes)) < len(patient.x):
        raise TooLong(f"{passes} passes take too long for this budget")
    found = {size: _noise(patient, patient.model, size) for size in SIZES}
    size = patient.training.batch_size if patient.training is not None else None
    at = min(SIZES, key=lambda each: abs(each - (size or max(SIZES))))
    bad = size is not None and size < SMALL and found[at] > NOISE
    other = _with_groups(patient)
    yield Finding(
        check=CHECK,
        verdict="warning" if bad else "fine",
        title=f"Batch norm sees {size} images at once"
        if bad
        else "Batch norm's statistics are those of enough images",
        figure="logits depend on the batch's other images by "
        + ", ".join(f"{found[size]:.0%} of their deviation at {size}" for size in SIZES),
        threshold=f"{NOISE:.0%} at the batch of the training, below {SMALL} images (Wu and He 2018)"
        + ("" if other is None else f"; with group norm {other:.0%}"),
        cause="small batch statistics" if bad else "",
        why="mean and deviation of so few images are noise, and evaluation uses others"
        if bad
        else "",
        next="take larger batches, or group norm in place of batch norm" if bad else "",
        weight=2,
    )


def _with_groups(patient: Patient) -> float | None:
    """Return the same figure at the smallest size with group norms, None where they do not fit."""
    model, _ = patient.fresh()
    try:
        exchange_norms(model, group_norm)
        if any(isinstance(m, nn.modules.batchnorm._BatchNorm) for m in model.modules()):
            return None
        return _noise(patient, model, min(SIZES))
    except Exception:  # a class of its own, or a forward that reads what batch norms alone have
        return None


def _noise(patient: Patient, model: nn.Module, size: int) -> float:
    """Return how an image's logits deviate over batches, as a share of how images deviate.

    Each image is seen in several batches of the size, always with others; what else is drawn at
    random stands still.
    """
    model.eval()
    for module in model.modules():
        if isinstance(module, nn.modules.batchnorm._BatchNorm):
            module.train()
    x = patient.x[: 2 * max(SIZES)]
    seen = []
    with torch.no_grad():
        for _ in range(DRAWS):
            order = torch.randperm(len(x))
            y = torch.cat([patient.logits(model, x[part]) for part in order.split(size)])
            seen.append(y.flatten(1).float()[order.argsort()])
    logits = torch.stack(seen)  # (draws, images, classes)
    among = float(logits.std(0).square().mean())
    between = float(logits.mean(0).std(0).square().mean())
    return math.sqrt(among / max(between, 1e-30))
