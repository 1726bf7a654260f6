"""Are red and blue where the network expects them? What the images themselves say."""

from collections.abc import Callable, Iterator
from typing import NamedTuple

import torch
from torch import Tensor

from plusx.doctor.finding import Finding, NotApplicable
from plusx.doctor.images.signature import signatures
from plusx.doctor.images.splits import TRAINING, labelled, raw_splits
from plusx.doctor.images.study import picked
from plusx.doctor.material import Material
from plusx.doctor.patient import Patient

__all__ = ["channels"]

CHECK = "images.channels"
ALIKE = 0.98  # correlation of the middle channels of an image and of what the network gets of it
CERTAIN = 8.0  # deviations
LIKELY = 5.0  # CIFAR-10's first 500 images: red over blue by 9, photos (220 of them) by 9
PLAIN = 0.8  # correlation of red less blue with brightness; photos: 0.24, ink on paper: 1
FITTING = 0.01  # of a full pixel: what is measured on a part of the images differs by less
MOST, MOST_STORED = 300, 5000


class _Evidence(NamedTuple):
    """One way to tell: what it measured, and where red and blue are swapped if they are."""

    figure: str
    threshold: str
    place: str = ""
    swapped: bool = False


def channels(patient: Patient) -> Iterator[Finding]:
    """Compare the input with the stored images, the splits, and nature."""
    material = patient.material
    if not material.real or material.x.dim() != 4 or material.x.shape[1] != 3:
        raise NotApplicable("no images of three channels were given")
    ways: tuple[tuple[Callable[[Material], _Evidence | None], bool], ...] = (
        (_against_stored, True),
        (_against_spec, True),
        (_against_test, True),
        (_against_nature, False),
    )
    seen = [(found, certain) for way, certain in ways if (found := way(material)) is not None]
    if not seen:
        raise NotApplicable("the images have no colours to compare")
    for found, certain in seen:
        if found.swapped:
            yield Finding(
                check=CHECK,
                verdict="wrong" if certain else "warning",
                title="Red and blue look swapped",
                figure=found.figure,
                threshold=found.threshold,
                place=found.place,
                cause="channels swapped",
                why="one library reads images as BGR, another as RGB",
                next="turn them round once, where the images are read: images[:, [2, 1, 0]]",
                weight=3 if certain else 2,
            )
            return
    found, _ = seen[0]
    yield Finding(
        check=CHECK,
        verdict="fine",
        title="Red and blue are where they belong",
        figure=found.figure,
        threshold=found.threshold,
    )


def _against_stored(material: Material) -> _Evidence | None:
    """Find images of the input among the stored ones, and see which channel is which."""
    raw = material.train
    if raw is None or raw.images.shape[1] != 3:
        return None
    some = picked(len(material.x), MOST)
    given = material.x[some].detach().cpu()
    best, at = (signatures(given) @ signatures(raw.images[:MOST_STORED]).T).max(1)
    sure = best > ALIKE
    if int(sure.sum()) < 8:
        return None
    seen, stored = _small(given[sure]), _small(raw.images[at[sure]])
    straight = _correlation(seen[:, 0] - seen[:, 2], stored[:, 0] - stored[:, 2])
    if straight.isnan().all():
        return None
    kept = straight[~straight.isnan()]
    return _Evidence(
        f"red less blue of {len(kept)} inputs correlates by {float(kept.median()):.2f} with that "
        "of the stored images",
        "above 0; -1 is the other way round",
        "input",
        swapped=len(kept) >= 8 and float(kept.median()) < -0.5,
    )


def _against_spec(material: Material) -> _Evidence | None:
    """Hold the stored images' means and deviations of red and blue against the specified ones."""
    raw, spec = material.train, material.spec
    if raw is None or spec is None or raw.images.shape[1] != 3:
        return None
    images = raw.images[:MOST_STORED].float() / 255
    stored = torch.stack([images.mean((0, 2, 3)), images.std((0, 2, 3))])
    meant = torch.tensor([spec.mean, spec.std])
    ends = torch.tensor([0, 2])
    apart, turned = (
        float((stored[:, ends] - meant[:, other]).abs().mean()) for other in (ends, ends.flip(0))
    )
    return _Evidence(
        f"means and deviations of red and blue lie {apart:.3f} from what they are normalised with, "
        f"{turned:.3f} once swapped",
        f"above {4 * FITTING:g}, and below {FITTING:g} once swapped: measured on the same images",
        "normalisation",
        swapped=apart > 4 * FITTING and turned < FITTING,
    )


def _against_test(material: Material) -> _Evidence | None:
    """Compare red less blue of training and test images, as they are and swapped."""
    splits = {s.where: s for s in labelled(material)} if _any_labels(material) else {}
    raws = raw_splits(material)
    first, second = splits.get(TRAINING), splits.get("test")
    if "test" not in raws or first is None or second is None or first.images.shape[1] != 3:
        return None
    a, b = _red_over_blue(first.images), _red_over_blue(second.images)
    error = float((a.var() / len(a) + b.var() / len(b)).sqrt().clamp(min=1e-9))
    apart, turned = (float(a.mean() - sign * b.mean()) / error for sign in (1, -1))
    return _Evidence(
        f"red less blue of training and test lie {abs(apart):.1f} deviations apart, "
        f"{abs(turned):.1f} once swapped",
        f"{CERTAIN:g} deviations, and below 3 once swapped",
        "test",
        swapped=abs(apart) > CERTAIN and abs(turned) < 3,
    )


def _against_nature(material: Material) -> _Evidence | None:
    """In photographs red outweighs blue, and more so at the bottom than at the top: the sky."""
    images = _as_stored(material)
    if images is None or len(images) < 50 or _of_two_colours(images):
        return None
    over = _red_over_blue(images)
    third = max(1, images.shape[2] // 3)
    fall = _red_over_blue(images[:, :, :third]) - _red_over_blue(images[:, :, -third:])
    if float(over.std()) < 1e-6 or float(fall.std()) < 1e-6:
        return None
    red, sky = (float(v.mean() / v.std() * len(v) ** 0.5) for v in (over, fall))
    return _Evidence(
        f"red less blue is {red:.1f} deviations from 0, its fall from top to bottom {sky:.1f}",
        f"below -{LIKELY:g} and above 1 (photographs: 9 to 29, and -28 to -1)",
        "input",
        swapped=red < -LIKELY and sky > 1,
    )


def _as_stored(material: Material) -> Tensor | None:
    """Return the images in [0, 1], as far as that is known."""
    if material.train is not None:
        return material.train.images[:MOST].float() / 255
    x = material.x[:MOST].detach().cpu().float()
    if float(x.min()) >= 0:
        return x / 255 if float(x.max()) > 1 else x
    if material.spec is None:
        return None
    mean, std = (torch.tensor(v).view(1, -1, 1, 1) for v in (material.spec.mean, material.spec.std))
    return x * std + mean


def _any_labels(material: Material) -> bool:
    return material.train is not None and material.test is not None


def _red_over_blue(images: Tensor) -> Tensor:
    """Return the mean of red less blue of each image, in [0, 1] for bytes."""
    part = images[:MOST].float()
    scale = 255 if images.dtype == torch.uint8 else 1
    return (part[:, 0] - part[:, 2]).mean((1, 2)) / scale


def _of_two_colours(images: Tensor) -> bool:
    """Tell whether colour only says how bright a place is, as of ink on paper, unlike a photo."""
    found = _correlation(images[:, 0] - images[:, 2], images.mean(1)).abs()
    kept = found[~found.isnan()]
    return not len(kept) or float(kept.median()) > PLAIN


def _small(images: Tensor) -> Tensor:
    return torch.nn.functional.adaptive_avg_pool2d(images.float(), 8)


def _correlation(a: Tensor, b: Tensor) -> Tensor:
    """Return each pair's correlation, (N,); NaN where an image has no colours."""
    a, b = (v.flatten(1) - v.flatten(1).mean(1, keepdim=True) for v in (a, b))
    norms = a.norm(dim=1) * b.norm(dim=1)
    found: Tensor = (a * b).sum(1) / norms
    return torch.where(norms > 1e-6 * norms.max(), found, torch.nan)
