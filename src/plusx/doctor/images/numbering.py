"""Do all splits number their classes alike? What the training images say of the other splits."""

from collections.abc import Iterator

import torch
from torch import Tensor

from plusx.doctor.finding import Finding, NotApplicable
from plusx.doctor.images.cheap import features
from plusx.doctor.images.splits import Labelled, labelled
from plusx.doctor.images.study import Study, picked, study
from plusx.doctor.patient import Patient

__all__ = ["numbering"]

CHECK = "images.numbering"
LEAST = 100
MOST = 1000
BETTER = 0.3  # of the share right in training; healthy splits: identity is the best numbering
LOST = 0.25  # healthy splits keep 0.95 to 1.05 of what the training split has above chance


def numbering(patient: Patient) -> Iterator[Finding]:
    """Predict each other split with the model of the training images, and compare the labels."""
    found = study(patient)
    if found.right - found.chance < max(0.15, 6 * found.spread):
        raise NotApplicable("the training images do not tell their own labels well enough")
    others = [
        each
        for each in labelled(patient.material)[1:]
        if len(each.labels) >= LEAST and each.images.shape[1:2] == found.source.images.shape[1:2]
    ]
    if not others:
        raise NotApplicable("there is no other split with 100 labelled images")
    troubles = [trouble for each in others for trouble in _compare(found, each)]
    yield from troubles[:1]  # the network's input is made of the stored images: it has the same
    if not troubles:
        yield Finding(
            check=CHECK,
            verdict="fine",
            title="All splits number their classes alike",
            figure=f"{len(others)} compared with the training split",
            threshold=f"no other numbering fits better by {BETTER:.0%}",
        )


def _compare(found: Study, other: Labelled) -> Iterator[Finding]:
    picks = picked(len(other.labels), MOST)
    with torch.no_grad():
        x = features(other.images[picks])
        if x.shape[1] != found.cheap.x.shape[1]:
            return
        guesses = found.cheap.scores(x, found.labels).argmax(1)
    labels = other.labels[picks].to(guesses.device)
    right = float((guesses == labels).float().mean())
    names, best = _best(guesses, labels)
    lost = right - found.chance < LOST * (found.right - found.chance)
    if best > right + BETTER * found.right and best > 0.6 * found.right:
        yield _renumbered(other, names, right, best)
    elif lost:
        yield _unrelated(found, other, guesses, right)


def _best(guesses: Tensor, labels: Tensor) -> tuple[dict[int, int], float]:
    """Return the numbering {training: other} under which most labels fit, and their share."""
    from scipy.optimize import linear_sum_assignment

    size = int(max(guesses.max(), labels.max())) + 1
    counts = torch.bincount(guesses * size + labels, minlength=size * size).view(size, size)
    rows, columns = linear_sum_assignment(-counts.numpy())
    names = dict(zip(rows.tolist(), columns.tolist()))
    return names, float(counts[rows, columns].sum()) / len(labels)


def _renumbered(other: Labelled, names: dict[int, int], right: float, best: float) -> Finding:
    moved = [f"{a} -> {b}" for a, b in names.items() if a != b]
    steps = {(b - a) % len(names) for a, b in names.items()}
    how = f"all are moved by {steps.pop()}" if len(steps) == 1 else ", ".join(moved[:6])
    return Finding(
        check=CHECK,
        verdict="wrong",
        title=f"The classes of {other.where} are numbered in another way than in training",
        figure=f"{right:.1%} of the labels fit, {best:.1%} once they are renumbered ({how})",
        threshold="healthy splits fit best as they are",
        place=other.where,
        cause="labels shifted",
        why="what looks like one class in training carries another number here",
        next="make class numbers from one sorted list of names for all splits",
        weight=3,
    )


def _unrelated(found: Study, other: Labelled, guesses: Tensor, right: float) -> Finding:
    """Say whether the labels are an image off, or have nothing to do with their images."""
    picks = picked(len(other.labels), MOST)
    every = other.labels.to(guesses.device)
    fits = {by: float((guesses == torch.roll(every, by)[picks]).float().mean()) for by in (1, -1)}
    by = max(fits, key=lambda by: fits[by])
    shifted = fits[by] > right + BETTER * found.right
    return Finding(
        check=CHECK,
        verdict="wrong",
        title=f"The labels of {other.where} do not fit what training shows",
        figure=f"the training images tell {right:.1%} of them"
        + (f", {fits[by]:.1%} once they are moved by one image" if shifted else ""),
        threshold=f"{found.right:.1%} in the training split itself",
        place=other.where,
        cause="labels shifted" if shifted else "labels shuffled",
        why="images that look alike in both splits have other labels here",
        next="look at a dozen of its images with their labels",
        weight=3 if shifted else 2,
    )
