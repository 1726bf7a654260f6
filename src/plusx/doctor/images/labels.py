"""Do the labels belong to their images? A permutation test with a cheap model.

Ojala and Garriga 2010, "Permutation tests for studying classifier performance", test 1.
"""

from collections.abc import Iterator

import torch

from plusx.doctor.finding import Finding, NotApplicable
from plusx.doctor.images.study import Study, study
from plusx.doctor.patient import Patient

__all__ = ["labels"]

CHECK = "images.labels"
SURE = 4.0  # deviations above permuted labels; clean sets: photos (220 of them) 4, others 20 to 90
NOTHING = 2.0
ROLLS = (1, -1, 2, -2)


def labels(patient: Patient) -> Iterator[Finding]:
    """Compare how well images tell each other's labels with permuted and with shifted labels."""
    found = study(patient)
    by, right = _best_roll(found)
    if right > found.right + max(0.1, 6 * found.spread):
        yield _shifted(found, by, right)
    elif found.surprise >= SURE:
        yield Finding(
            check=CHECK,
            verdict="fine",
            title="The labels belong to their images",
            figure=_figure(found),
            threshold=_THRESHOLD,
        )
    else:
        yield _shuffled(found)


_THRESHOLD = (
    f"{SURE:g} deviations above permuted labels (clean sets: 4 for 220 photographs, 20 to 90 for "
    "1,000 and more small images)"
)


def _figure(found: Study) -> str:
    return (
        f"a cheap model is right for {found.right:.1%} of {len(found.labels)} images, for "
        f"{found.chance:.1%} under permuted labels: {found.surprise:.1f} deviations apart"
    )


def _best_roll(found: Study) -> tuple[int, float]:
    """Return the shift of all labels, in the order of the images, that fits them best."""
    every = found.source.labels
    shares = found.cheap.right(*(torch.roll(every, by)[found.picks] for by in ROLLS))
    right, by = max(zip(shares, ROLLS))
    return by, right


def _shifted(found: Study, by: int, right: float) -> Finding:
    places = f"{abs(by)} image{'s' if abs(by) > 1 else ''}"
    return Finding(
        check=CHECK,
        verdict="wrong",
        title="Each label stands beside another image than its own",
        figure=f"moved by {places}, {right:.1%} of the labels fit; as they are, {found.right:.1%}",
        threshold="no shift fits better by more than 10 points and 6 deviations",
        place=found.source.where,
        cause="labels shifted",
        why=f"the labels come {places} too {'late' if by < 0 else 'early'}: moved, most fit",
        next="see how images and labels were read and put together; one list lost an entry",
        weight=3,
    )


def _shuffled(found: Study) -> Finding:
    """Judge labels that other images do not tell; how surely, by how many there are."""
    count = len(found.labels)
    if found.structure < 1.5:
        raise NotApplicable("the images are noise: no label could be told from them")
    enough = max(500, 20 * found.num_classes) if found.num_classes >= 5 else 1000
    if count < enough:
        raise NotApplicable(
            f"{count} images of {found.num_classes} classes are too few to tell: other images "
            f"tell {found.right:.1%} of the labels; it takes {enough}"
        )
    wrong = found.surprise < NOTHING
    return Finding(
        check=CHECK,
        verdict="wrong" if wrong else "warning",
        title="The labels do not belong to their images",
        figure=_figure(found),
        threshold=_THRESHOLD,
        place=found.source.where,
        cause="labels shuffled",
        why="images that look alike have no more labels in common than chance gives them",
        next="look at a dozen images with their labels; see where the two are put together",
        weight=3 if wrong else 1,
    )
