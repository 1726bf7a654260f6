"""Do augmented images still show their class?"""

from collections.abc import Callable, Iterator

import torch
from torch import Generator, Tensor

from plusx.doctor.finding import Finding, NotApplicable
from plusx.doctor.images.cheap import Cheap, features
from plusx.doctor.images.study import picked, study
from plusx.doctor.material import Raw
from plusx.doctor.patient import Patient

__all__ = ["augmentation", "mirrored"]

Augment = Callable[[Tensor, Generator], Tensor]

LOST, LOST_WRONG = 0.5, 0.6
"""Of what a cheap model is right for above chance. Crops by 1/8, flips, rotations to 15 degrees,
squares of half the side cut out, crops from 25% of the area: 0 to 0.38."""
MOST = 1500
MIRRORED = 0.25  # share of images that are nearer to their mirror image; crops alone: below 0.15


def augmentation(patient: Patient) -> Iterator[Finding]:
    """Train a cheap model on plain and on augmented images, each tested on its own kind."""
    raw, augment = _needed(patient)
    found = study(patient)
    if found.right - found.chance < 0.15:
        raise NotApplicable("plain images do not tell their class well enough to compare")
    plain, seen = _right(raw, None, found.num_classes), _right(raw, augment, found.num_classes)
    lost = 1 - (seen - found.chance) / max(plain - found.chance, 1e-9)
    trouble = lost > LOST
    yield Finding(
        check="images.augmentation",
        verdict="wrong" if lost > LOST_WRONG else "warning" if trouble else "fine",
        title="Augmented images lose their class"
        if trouble
        else "Augmented images still show their class",
        figure=f"a cheap model is right for {plain:.1%} of plain images, {seen:.1%} of augmented",
        threshold=f"{LOST_WRONG:.0%} of what it has above chance ({found.chance:.0%}) lost is "
        f"wrong, {LOST:.0%} worth a look (usual augmentation: 0 to 38%)",
        place="augmentation" if trouble else "",
        cause="augmentation too strong" if trouble else "",
        why="what makes the class is cut off, drowned or turned round" if trouble else "",
        next="look at a dozen augmented images; make crops larger and changes weaker"
        if trouble
        else "",
        weight=3 if lost > LOST_WRONG else 2,
    )


def mirrored(patient: Patient) -> Iterator[Finding]:
    """Letters and digits must not be mirrored: see whether augmented ones are."""
    raw, augment = _needed(patient)
    spec = patient.material.spec
    if spec is None or not all(len(name) == 1 and name.isalnum() for name in spec.classes):
        raise NotApplicable("the classes are no letters or digits")
    images = raw.images[picked(len(raw.labels), 500)]
    share, how = _turned(images, augment(images, Generator().manual_seed(0)))
    yield Finding(
        check="images.mirrored",
        verdict="wrong" if share > MIRRORED else "fine",
        title="Letters or digits are mirrored" if share > MIRRORED else "No character is mirrored",
        figure=f"{share:.0%} of the augmented images are nearer to their image {how}",
        threshold=f"{MIRRORED:.0%} (crops alone: below 15%)",
        place="augmentation" if share > MIRRORED else "",
        cause="augmentation too strong" if share > MIRRORED else "",
        why="a mirrored 2 is no 2, an upside-down 6 is a 9" if share > MIRRORED else "",
        next="leave flips out: --no-flip" if share > MIRRORED else "",
        weight=2,
    )


def _needed(patient: Patient) -> tuple[Raw, Augment]:
    raw, augment = patient.material.train, patient.material.augment
    if raw is None or augment is None:
        raise NotApplicable("the augmentation is not known")
    return raw, augment


def _right(raw: Raw, augment: Augment | None, num_classes: int) -> float:
    """Return how many labels the other images tell, of `MOST` as they are or augmented."""
    picks = picked(len(raw.labels), MOST)
    images = raw.images[picks]
    if augment is not None:
        images = augment(images, Generator().manual_seed(0))
    with torch.no_grad():
        return Cheap.of(features(images), num_classes).right(raw.labels[picks])[0]


def _turned(images: Tensor, seen: Tensor) -> tuple[float, str]:
    """Return the share of images that are nearer to a mirror image than to what was stored."""
    size = seen.shape[-1]
    margin = (images.shape[-1] - size) // 2
    plain = images[..., margin : margin + size, margin : margin + size].float()
    ways = {"as stored": plain, "left to right": plain.flip(-1), "upside down": plain.flip(-2)}
    ways["turned by half"] = plain.flip(-1, -2)
    nearness = torch.stack([_nearest(seen.float(), way) for way in ways.values()])
    own = nearness[0]
    shares = {
        how: float((nearness[at] > own + 0.05).float().mean()) for at, how in enumerate(ways) if at
    }
    how = max(shares, key=lambda how: shares[how])
    return shares[how], how


def _nearest(a: Tensor, b: Tensor) -> Tensor:
    """Return the largest correlation of two images under small moves, (N,)."""
    reach = max(1, a.shape[-1] // 8)
    moves = [(i, j) for i in range(-reach, reach + 1) for j in range(-reach, reach + 1)]
    return torch.stack([_correlated(a, b.roll(move, (-2, -1))) for move in moves]).amax(0)


def _correlated(a: Tensor, b: Tensor) -> Tensor:
    a, b = (v.flatten(1) - v.flatten(1).mean(1, keepdim=True) for v in (a, b))
    found: Tensor = (a * b).sum(1) / (a.norm(dim=1) * b.norm(dim=1)).clamp(min=1e-6)
    return found
