"""The data of the training benchmarks, unpacked beside what is under way, the same for all."""

import io
from collections import defaultdict
from pathlib import Path
from zipfile import ZipFile

import numpy as np
from PIL import Image

from ledger import TRY, UNDER_WAY
from plusx.files import write_with, written_folder

PARTS = ("train", "val", "test")


def photos(source: Path) -> Path:
    """photos.zip as a folder in splits: of each class every tenth to val, every fifth to test.

    What the usual loops do not look at, val, is no training image on either side.
    """
    place = UNDER_WAY / "photos"
    if place.exists():
        return place
    with ZipFile(source / "photos.zip") as archive, written_folder(place) as folder:
        for name, files in _by_class(archive).items():
            for at, file in enumerate(files[: 30 if TRY else None]):
                part = "val" if at % 10 == 0 else "test" if at % 5 == 1 else "train"
                path = folder / part / name / Path(file).name
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(archive.read(file))
    return place


def small(source: Path) -> Path:
    """The first images of each class of cifar10-jpeg.zip: 8,000, 1,000 and 2,500 in an .npz."""
    place = UNDER_WAY / "small.npz"
    if place.exists():
        return place
    counts = {"train": 800, "val": 100, "test": 250}
    arrays: dict[str, np.ndarray] = {}
    with ZipFile(source / "cifar10-jpeg.zip") as archive:
        for part, count in counts.items():
            count = count // 20 if TRY else count
            of = "test/" if part == "test" else "train/"
            first = counts["train"] if part == "val" else 0
            files = [
                (file, label)
                for label, (name, files) in enumerate(_by_class(archive, of).items())
                for file in files[first : first + count]
            ]
            arrays[f"{part}_images"] = np.stack([_pixels(archive, file) for file, _ in files])
            arrays[f"{part}_labels"] = np.array([label for _, label in files])
    write_with(place, lambda file: np.savez(file, **arrays))
    return place


def noise(side: int, count: int, classes: int) -> Path:
    """Images of noise in an .npz, for what does not depend on what they show."""
    place = UNDER_WAY / f"noise-{count}-{side}-{classes}.npz"
    if place.exists():
        return place
    source = np.random.default_rng(0)
    arrays = {}
    for part, number in zip(PARTS, (count, classes, classes), strict=True):
        shape = (number, side, side, 3)
        arrays[f"{part}_images"] = source.integers(0, 256, shape, dtype=np.uint8)
        arrays[f"{part}_labels"] = np.arange(number) % classes
    write_with(place, lambda file: np.savez(file, **arrays))
    return place


def _by_class(archive: ZipFile, prefix: str = "") -> dict[str, list[str]]:
    found = defaultdict(list)
    for file in sorted(archive.namelist()):
        if file.startswith(prefix) and file.endswith(".jpg"):
            found[Path(file).parent.name].append(file)
    return found


def _pixels(archive: ZipFile, file: str) -> np.ndarray:
    return np.array(Image.open(io.BytesIO(archive.read(file))).convert("RGB"))
