"""A data set that comes as arrays: one pool of pixels, and which rows are which split."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch

from plusx.data.assemble import Found, assemble, select_from
from plusx.data.dataset import Data
from plusx.data.decode import fitted
from plusx.data.progress import Progress
from plusx.data.scan import choose_size
from plusx.data.spec import stored_for
from plusx.data.split import Entry, complete
from plusx.errors import InputError

__all__ = ["Arrays", "Bytes", "Labels", "arrays_of", "count_classes", "open_arrays"]

Bytes = npt.NDArray[np.uint8]
Labels = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Arrays:
    """Pixels uint8 (N, C, H, W) of all splits after one another, and their entries."""

    where: str
    classes: tuple[str, ...]
    pixels: torch.Tensor
    parts: Mapping[str, Sequence[Entry]]


def arrays_of(
    groups: Mapping[str, tuple[Bytes, Labels]], classes: Sequence[str], *, where: str
) -> Arrays:
    """Join the splits' (N, C, H, W) pixels and (N,) labels; images are named "train/00012".

    Raises InputError where pixels and labels do not fit each other or the classes.
    """
    parts: dict[str, list[Entry]] = {}
    for part, (pixels, labels) in groups.items():
        _check(part, pixels, labels, len(classes), where)
        names = (f"{part}/{at:05d}" for at in range(len(pixels)))
        parts[part] = [Entry(name, label, name) for name, label in zip(names, labels.tolist())]
    shapes = {pixels.shape[1:] for pixels, _ in groups.values()}
    if len(shapes) > 1:
        raise InputError(
            f"{where}: the splits' images are of different shapes ({shapes}), expected one; "
            "look at how the file was made"
        )
    joined = np.concatenate([pixels for pixels, _ in groups.values()])
    return Arrays(where, tuple(classes), torch.from_numpy(joined), parts)


def count_classes(labels: Labels, *, where: str) -> int:
    """Return the number of classes of a training split's labels, which must be 0, 1, 2, ...

    Raises InputError for labels that are negative or leave a class out.
    """
    present = np.unique(labels)
    if len(present) == 0 or present[0] < 0:
        given = f"the label {present[0]}" if len(present) else "no labels"
        raise InputError(
            f"{where}: train has {given}, expected whole numbers from 0; count the classes from 0"
        )
    missing = np.flatnonzero(present != np.arange(len(present)))
    if len(missing):
        raise InputError(
            f"{where}: train has labels up to {present[-1]} but none is {missing[0]}, expected "
            "each class from 0 on; number the classes without gaps"
        )
    return len(present)


def open_arrays(
    arrays: Arrays, *, name: str, seed: int, size: int | None, progress: Progress
) -> Data:
    """Make a data set of arrays, at the size asked for or their own."""
    _, channels, height, width = arrays.pixels.shape
    side, sizes = choose_size([(width, height)], size)
    pixels = _resized(arrays.pixels, stored_for(side), progress)
    found = Found(
        name=name,
        where=arrays.where,
        classes=arrays.classes,
        channels=channels,
        size=side,
        given=tuple(arrays.parts),
        broken=(),
        notes=(sizes,),
        workers=0,
    )
    names = [entry.name for entries in arrays.parts.values() for entry in entries]
    parts = complete(arrays.parts, arrays.classes, seed=seed)
    return assemble(found, parts, select_from(pixels, names), progress=progress)


def _check(part: str, pixels: Bytes, labels: Labels, classes: int, where: str) -> None:
    if len(pixels) != len(labels):
        raise InputError(
            f"{where}: {part} has {len(pixels)} images and {len(labels)} labels, expected as many "
            "of both; look at how the file was made"
        )
    if pixels.size == 0:
        raise InputError(
            f"{where}: the {part} images are {' x '.join(map(str, pixels.shape))}, expected at "
            "least one image of at least one pixel; look at how the file was made"
        )
    wrong = labels[(labels < 0) | (labels >= classes)]
    if len(wrong):
        raise InputError(
            f"{where}: {part} has the label {wrong[0]}, expected 0 to {classes - 1}, the classes "
            "of train; look at how the file was made"
        )


def _resized(pixels: torch.Tensor, side: int, progress: Progress) -> torch.Tensor:
    """Return (N, C, side, side), as files of that size would be."""
    if pixels.shape[2:] == (side, side):
        return pixels
    from PIL import Image

    count, channels = pixels.shape[:2]
    resized = torch.empty(count, channels, side, side, dtype=torch.uint8)
    with progress("Resizing the images", count) as advance:
        for row, image in zip(resized, pixels, strict=True):
            plain = image[0] if channels == 1 else image.permute(1, 2, 0).contiguous()
            fit = np.array(fitted(Image.fromarray(plain.numpy()), side))
            row.copy_(torch.from_numpy(fit).reshape(side, side, channels).permute(2, 0, 1))
            advance(1)
    return resized
