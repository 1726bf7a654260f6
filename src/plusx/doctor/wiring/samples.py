"""Is the output for one image the same, whatever else is in the batch?"""

from collections.abc import Iterator

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from plusx.doctor.finding import Finding, NotApplicable
from plusx.doctor.passes import (
    distance,
    evaluated,
    evaluates_the_same,
    few,
    outputs,
    passed,
)
from plusx.doctor.patient import Patient
from plusx.doctor.wiring.attributes import need_registered
from plusx.doctor.wiring.statistics import batch_in_eval, moving_in_eval

__all__ = ["leak", "samples"]

LEAK = 1e-4
"""Change of an image's output, over its rms, when the others change; 40 healthy networks: 0."""
ALONE = 1e-3
"""The same when the image comes alone, where other kernels compute it; they: at most 8e-6."""


def samples(patient: Patient) -> Iterator[Finding]:
    """Change every other image of the batch, look at those between; then give them one by one."""
    x = few(patient)
    if len(x) < 2:
        raise NotApplicable("there is but one input")
    need_registered(patient.model)
    if batch_in_eval(patient):
        raise NotApplicable("batch norm uses the batch in evaluation, which mixes its images")
    found = leak(patient, patient.model.eval(), x)
    if found > LEAK and moving_in_eval(patient):
        raise NotApplicable("running statistics move in evaluation: a norm mixes its images")
    alone = _alone(patient, patient.model, x) if evaluates_the_same(patient) else 0.0
    if alone > ALONE:  # deep networks as they are drawn make much of rounding
        alone = _alone_in_double(patient, x, otherwise=alone)
    training = 0.0
    if found <= LEAK and not _uses_the_batch(patient, x):
        model, _ = patient.fresh()
        training = leak(patient, model.train(), x)
    bad = found > LEAK or alone > ALONE or training > LEAK
    only = " in training" if training > LEAK else ""
    yield Finding(
        check="wiring.samples",
        verdict="wrong" if bad else "fine",
        title=f"The images of a batch mix{only}" if bad else "The images of a batch do not mix",
        figure=f"the output of an image changes by {max(found, training):.1e} of its rms with the "
        f"others, by {alone:.1e} when it comes alone",
        threshold=f"{LEAK:g} and {ALONE:g}; healthy networks: 0 and at most 8e-6, "
        "measured in float64 where float32 shows more",
        cause="samples mixed" if bad else "",
        why="an operation reaches across the first axis" if bad else "",
        next="look for view or reshape where a permute belongs, and for means and norms over axis 0"
        if bad
        else "",
        weight=3,
    )


def leak(patient: Patient, model: nn.Module, x: Tensor) -> float:
    """Return how much the outputs of the even images change when the odd ones do, over the rms.

    Of several outputs the one that changes most; in training the first alone, as others are losses.
    """
    other = x.clone()
    other[1::2] = x[1::2].flip(0).roll(1, dims=-1)
    if torch.equal(other, x):
        raise NotApplicable("the inputs are all alike")
    if model.training:
        before, after = ([passed(patient, model, each)] for each in (x, other))
    else:
        before, after = (outputs(patient, model, each) for each in (x, other))
    places = _by_image(patient, model, x, before) if len(before) > 1 else [0]
    for place in places:
        _check_batch(before[place], x)
    return max(distance(after[place][0::2], before[place][0::2]) for place in places)


def _by_image(patient: Patient, model: nn.Module, x: Tensor, found: list[Tensor]) -> list[int]:
    """Return which outputs have one row for each image, and another shape of nothing else.

    What is of (layers, images, ...), or compares all images with all, has not.
    """
    try:
        fewer = outputs(patient, model, x[:-1])
    except (RuntimeError, ValueError, IndexError):  # one batch size alone: another check's
        return [0]
    pairs = list(zip(found, fewer))
    rows = [
        place
        for place, (y, z) in enumerate(pairs)
        if y.dim() and y.shape[1:] == z.shape[1:] and (len(y), len(z)) == (len(x), len(x) - 1)
    ]
    return rows or [0]


def _alone_in_double(patient: Patient, x: Tensor, *, otherwise: float) -> float:
    """Measure it again in float64, which leaves nothing of rounding; if that cannot be, not."""
    model, _ = patient.fresh()
    try:
        return _alone(patient, model.double(), x.double() if x.is_floating_point() else x)
    except (RuntimeError, TypeError):  # forward makes tensors of float32
        return otherwise


def _alone(patient: Patient, model: nn.Module, x: Tensor) -> float:
    """Return how much outputs change when images come alone, and 0 where they cannot."""
    if patient.material.context:
        return 0.0
    together = evaluated(patient, model, x[:2])
    try:
        single = [evaluated(patient, model, x[i : i + 1]) for i in range(2)]
    except (RuntimeError, ValueError, IndexError):  # one image or batch size alone: another check's
        return 0.0
    if any(y.shape[1:] != together.shape[1:] for y in single):
        return 0.0
    return distance(torch.cat(single), together)


def _uses_the_batch(patient: Patient, x: Tensor) -> bool:
    """Say whether training normalises by the batch: with torch's norm, or one that moves too."""
    if any(isinstance(module, _BatchNorm) for module in patient.model.modules()):
        return True
    model, _ = patient.fresh()
    before = [b.clone() for b in model.buffers()]
    passed(patient, model.train(), x)
    return any(
        a.is_floating_point() and not torch.equal(a, b) for a, b in zip(model.buffers(), before)
    )


def _check_batch(y: Tensor, x: Tensor) -> None:
    if y.dim() == 0 or len(y) != len(x):
        raise NotApplicable(
            f"{len(x)} inputs give an output of {tuple(y.shape)}: not one row for each"
        )
