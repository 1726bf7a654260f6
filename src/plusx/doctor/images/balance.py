"""Do all classes have images, and about as many?"""

from collections.abc import Iterator

import torch

from plusx.doctor.finding import Finding, NotApplicable
from plusx.doctor.images.splits import training
from plusx.doctor.patient import Patient

__all__ = ["balance"]

CHECK = "images.balance"
RATIO = 10.0  # largest to smallest class; digits 1.2, Fashion-MNIST 1.0, SVHN 3
EACH = 15
"""Images of a class on average, to count: of even classes drawn at random, a thousand have 4 to 29
then (Poisson)."""


def balance(patient: Patient) -> Iterator[Finding]:
    """Compare the largest class with the smallest."""
    source = training(patient.material)
    spec = patient.material.spec
    counts = torch.bincount(source.labels, minlength=len(spec.classes) if spec else 0)
    if len(counts) < 2 or len(source.labels) < EACH * len(counts):
        raise NotApplicable(f"{len(source.labels)} labelled images are too few to count")
    named = spec is not None and len(spec.classes) == len(counts)
    names = spec.classes if spec is not None and named else tuple(map(str, range(len(counts))))
    if not named:  # whether there is a class of a number that does not occur is not known
        names = tuple(names[at] for at in counts.nonzero().flatten().tolist())
        counts = counts[counts > 0]
    most, least = int(counts.argmax()), int(counts.argmin())
    ratio = float(counts[most]) / max(1, int(counts[least]))
    uneven = ratio > RATIO
    yield Finding(
        check=CHECK,
        verdict="warning" if uneven else "fine",
        title="Some classes have many more images than others"
        if uneven
        else "The classes are about as large as each other",
        figure=f"{counts[most]} images of {names[most]}, {counts[least]} of {names[least]}",
        threshold=f"a ratio of {RATIO:g} (digits 1.2, Fashion-MNIST 1)",
        place=source.where if uneven else "",
        cause="classes unbalanced" if uneven else "",
        why="calling everything the largest class is right often enough" if uneven else "",
        next="weigh the loss or draw the small classes more often; judge by the mean over classes"
        if uneven
        else "",
        weight=2,
    )
