"""What the cheap model makes of the training images, found once for all checks."""

import math
from collections.abc import MutableMapping
from dataclasses import dataclass
from weakref import WeakKeyDictionary

import torch
from torch import Tensor

from plusx.doctor.finding import NotApplicable
from plusx.doctor.images.cheap import Cheap, features
from plusx.doctor.images.splits import Labelled, labelled
from plusx.doctor.material import Material
from plusx.doctor.patient import Patient

__all__ = ["Study", "picked", "study"]

MANY, FEW = 2000, 1000  # images that are looked at, with time and without
LEAST = 200
DRAWS = 20  # random labellings that show what chance gives

_FOUND: MutableMapping[Material, "Study"] = WeakKeyDictionary()


@dataclass(frozen=True, eq=False)
class Study:
    """Some of the images that the network learns from, and how well others tell their labels.

    `right` is the share of labels that the other images tell, `chance` and `spread` mean and
    deviation of that share under permuted labels; `structure` is the largest variance of the
    features over what independent numbers would have (Marchenko and Pastur 1967).
    """

    source: Labelled
    picks: Tensor  # places of the images in the source, rising
    labels: Tensor  # theirs
    cheap: Cheap
    right: float
    chance: float
    spread: float
    structure: float

    @property
    def num_classes(self) -> int:
        """Classes that occur, or that lie below one that does."""
        return self.cheap.num_classes

    @property
    def surprise(self) -> float:
        """Deviations by which the labels fit the images better than permuted ones."""
        return (self.right - self.chance) / self.spread


def study(patient: Patient) -> Study:
    """Return the study of a patient's training images; `NotApplicable` with too few of them."""
    material = patient.material
    if material not in _FOUND:
        count = FEW if patient.budget.quick else MANY
        _FOUND[material] = _look(labelled(material)[0], count)
    return _FOUND[material]


def picked(count: int, most: int) -> Tensor:
    """Return places drawn of `count`, all or `most`, rising; always the same."""
    generator = torch.Generator().manual_seed(0)
    return torch.randperm(count, generator=generator)[:most].sort().values


def _look(source: Labelled, most: int) -> Study:
    count, num_classes = len(source.labels), int(source.labels.max()) + 1
    if count < LEAST or min(count, most) < 10 * num_classes:
        raise NotApplicable(
            f"{count} labelled images of {num_classes} classes are too few to tell: it takes "
            f"{max(LEAST, 10 * num_classes)}"
        )
    if num_classes < 2:
        raise NotApplicable("all images are of one class")
    picks = picked(count, most)
    labels = source.labels[picks]
    with torch.no_grad():
        x = features(source.images[picks])
        if not bool(x.isfinite().all()) or float(x.std()) == 0:
            raise NotApplicable("the images are all alike, or not finite")
        cheap = Cheap.of(x, num_classes)
        mixed = (labels[_permutation(len(x), seed)] for seed in range(DRAWS))
        right, *chances = cheap.right(labels, *mixed)
        shares = torch.tensor(chances)
        spread = max(float(shares.std()), math.sqrt(0.25 / num_classes / len(x)))
        chance = float(shares.mean())
        return Study(source, picks, labels, cheap, right, chance, spread, _structure(x))


def _permutation(count: int, seed: int) -> Tensor:
    return torch.randperm(count, generator=torch.Generator().manual_seed(seed))


def _structure(x: Tensor) -> float:
    """Return the largest eigenvalue of the covariance over the edge (1 + sqrt(D / N))^2."""
    x = x[:512] - x[:512].mean(0)  # the rows' own products have the same eigenvalues
    rows, columns = x.shape
    largest = float(torch.linalg.eigvalsh(x @ x.T / rows)[-1])
    edge = (1 + math.sqrt(columns / rows)) ** 2 * float(x.square().mean())
    return largest / max(edge, 1e-12)
