"""What a trained network says of its images: classes that are moved, red and blue swapped."""

from collections.abc import Iterator

import torch
import torch.nn.functional as F
from torch import Tensor

from plusx.doctor.finding import Finding, NotApplicable
from plusx.doctor.images.splits import inputs
from plusx.doctor.mode import evaluating
from plusx.doctor.patient import Patient

__all__ = ["network"]

CHECK = "images.network"
SECONDS, QUICK = 1.0, 0.3  # for one pass over the images
MOST, PAIRS = 256, 24
CERTAIN, LIKELY = 4.0, 3.0  # deviations of the mean gain; healthy trained networks: below -1
MOVED = 0.45  # mean share right over the classes, once they are moved; untrained: below 0.3
FEW = 32  # labels, to tell by


def network(patient: Patient) -> Iterator[Finding]:
    """Compare a network's guesses with its labels, as they are, moved, and with swapped colours."""
    x, y = inputs(patient.material).to(patient.material.x.dtype), patient.material.labels
    classes = patient.num_classes
    if y is None or classes < 2 or not 0 <= int(y.min()) <= int(y.max()) < classes:
        raise NotApplicable("there are no labels of the network's classes")
    count = _count(patient)
    x, y = x[:count], y[:count]
    if len(y) < 16 or len(y.unique()) < min(3, patient.num_classes):
        raise NotApplicable("the labels are too few, or all of one class")
    logits = _logits(patient, x)
    by, moved = _best_shift(logits.argmax(1), y, patient.num_classes)
    right = _balanced(logits.argmax(1), y)
    if by and len(y) >= FEW and moved > _needed(patient.num_classes) and right < 0.5 * moved:
        yield _shifted(by, moved, right, len(y))
        return
    if len(y) >= PAIRS and x.dim() == 4 and x.shape[1] == 3 and not torch.equal(x[:, 0], x[:, 2]):
        swapped = _logits(patient, x.flip(1))
        better = _balanced(swapped.argmax(1), y)
        gain = F.cross_entropy(logits, y, reduction="none") - F.cross_entropy(
            swapped, y, reduction="none"
        )
        sure = float(gain.mean() / gain.std().clamp(min=1e-9)) * len(y) ** 0.5
        if sure > LIKELY and better >= max(right, 0.25 + 0.75 / patient.num_classes):
            yield _swapped(sure, right, better, len(y))
            return
    yield Finding(
        check=CHECK,
        verdict="fine",
        title="The network's guesses fit classes and colours as they are",
        figure=f"{right:.1%} of the classes' images right, of {len(y)}",
        threshold=f"no shift of the classes is right for {MOVED:.0%}, nor do swapped colours fit",
    )


def _count(patient: Patient) -> int:
    """Return how many images a pass can take, by the time for a few."""
    began = patient.budget.taken
    _logits(patient, patient.x[:4])
    each = (patient.budget.taken - began) / 4
    seconds = QUICK if patient.budget.quick else SECONDS
    return int(min(MOST, max(16, seconds / max(each, 1e-6))))


def _logits(patient: Patient, x: Tensor) -> Tensor:
    with evaluating(patient.model), torch.no_grad():
        parts = [patient.logits(patient.model, part) for part in x.split(64)]
    logits = torch.cat(parts).float()
    if not bool(logits.isfinite().all()):
        raise NotApplicable("the network's output is not finite")
    return logits


def _balanced(guesses: Tensor, y: Tensor) -> float:
    """Return the mean over the classes of the share right: a constant guess is right for one."""
    hits = [float((guesses[y == label] == label).float().mean()) for label in y.unique()]
    return sum(hits) / len(hits)


def _best_shift(guesses: Tensor, y: Tensor, classes: int) -> tuple[int, float]:
    shares = {by: _balanced((guesses + by) % classes, y) for by in range(min(classes, 100))}
    by = max(shares, key=lambda by: shares[by])
    return by, shares[by]


def _needed(classes: int) -> float:
    """A guess of two or three classes alone is right for a half or a third of them."""
    return max(MOVED, 1 / classes + 0.25)


def _shifted(by: int, moved: float, right: float, count: int) -> Finding:
    return Finding(
        check=CHECK,
        verdict="wrong",
        title=f"The labels lie {by} beside the classes that the network learned",
        figure=f"{right:.1%} right, {moved:.1%} once its guesses are moved by {by}; {count} images",
        threshold="a network guesses the classes that it learned",
        place="labels",
        cause="labels shifted",
        why="it tells the classes apart, under other numbers",
        next="number the classes as in training: from 0, in the same order",
        weight=3,
    )


def _swapped(sure: float, right: float, swapped: float, count: int) -> Finding:
    return Finding(
        check=CHECK,
        verdict="wrong" if sure > CERTAIN else "warning",
        title="The network does better with red and blue swapped",
        figure=f"its loss falls by {sure:.1f} deviations; {right:.1%} right as it is, "
        f"{swapped:.1%} swapped; {count} images",
        threshold=f"{CERTAIN:g} deviations",
        place="input",
        cause="channels swapped",
        why="it was trained on images in the other order of the channels",
        next="turn the channels round where the images are read: images[:, [2, 1, 0]]",
        weight=3,
    )
