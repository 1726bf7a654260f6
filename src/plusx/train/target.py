"""Images of a domain that a trained network meets: with labels to measure by, or without."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

import torch

from plusx.data import Broken, Data, InMemory, InputSpec, OnDisk, Progress, Split, open_data, silent
from plusx.data.dataset import Encoded
from plusx.data.folder import Files, FolderFiles
from plusx.data.layout import EXTENSIONS
from plusx.data.parallel import chosen_workers
from plusx.data.scan import refuse_many, scan
from plusx.data.zipped import ZipFiles
from plusx.errors import InputError

__all__ = ["Target", "check_images", "labelled_source", "open_target"]


@dataclass(frozen=True, eq=False)
class Target:
    """`images` to adapt to, whose labels nobody reads, and `test` with the network's labels.

    `test` is None where the set has no labels, or others than the network; the notes say why.
    """

    images: Split
    test: Split | None
    notes: tuple[str, ...]
    workers: int


def open_target(
    source: str | Path,
    spec: InputSpec,
    *,
    seed: int = 0,
    progress: Progress = silent,
    workers: int | None = None,
) -> Target:
    """Open images for a network whose input is `spec`; labels are looked at, not needed.

    A labelled set is adapted to by its training images and measured on its test images. A folder or
    zip that is not laid out in classes gives all its images, to adapt to alone. Raises `InputError`
    where there are no images, or where they do not fit the network.
    """
    try:
        data = open_data(source, seed=seed, size=spec.size, progress=progress, workers=workers)
    except InputError as error:
        files = _files(Path(source).expanduser())
        if files is None:
            raise
        return _unlabelled(files, spec, str(error), progress=progress, workers=workers)
    check_images(data.train, spec, str(source))
    notes = [f"{data.name}: {len(data.train):,} training images to adapt to"]
    if data.broken:
        notes.append(f"Left out {len(data.broken)} file(s) that cannot be read")
    test = _relabelled(data.test, data.input.classes, spec.classes)
    if test is None:
        notes.append(
            f"Its classes ({_some(data.input.classes)}) are not those of the network "
            f"({_some(spec.classes)}), so nothing is measured"
        )
    return Target(data.train, test, tuple(notes), data.workers)


def labelled_source(
    source: str | Path,
    spec: InputSpec,
    *,
    seed: int = 0,
    progress: Progress = silent,
    workers: int | None = None,
) -> Data:
    """Open the set that a network was trained on; its training split has the network's labels.

    Raises `InputError` where its images or its classes are not the network's.
    """
    data = open_data(source, seed=seed, size=spec.size, progress=progress, workers=workers)
    check_images(data.train, spec, str(source))
    train = _relabelled(data.train, data.input.classes, spec.classes)
    if train is None:
        raise InputError(
            f"{source} has the classes {_some(data.input.classes)}, expected those of the network: "
            f"{_some(spec.classes)}; give the data that it was trained on with --source"
        )
    return replace(data, train=train)


def check_images(split: Split, spec: InputSpec, where: str = "the set") -> None:
    """Raise `InputError` where images have another size or other channels than a network's input.

    >>> from plusx.data import open_data
    >>> data = open_data("digits")
    >>> check_images(data.train, data.input)
    """
    if not len(split):
        raise InputError(f"{where} has no images; expected at least two")
    channels, *sides = _shape(split)
    if channels != spec.channels:
        raise InputError(
            f"{where} has images of {channels} channel(s), expected {spec.channels}, which the "
            "network takes; convert the images to "
            f"{'grey' if spec.channels == 1 else 'colour'}, or train a network on such"
        )
    if sides != [spec.stored, spec.stored]:
        raise InputError(
            f"{where} has images of {'x'.join(map(str, sides))} pixels, expected "
            f"{spec.stored}x{spec.stored}; open it with size={spec.size}"
        )


def _unlabelled(
    files: Files, spec: InputSpec, why: str, *, progress: Progress, workers: int | None
) -> Target:
    """Take all images of a folder or zip, decoded as the network takes them."""
    names = [name for name in files.names() if _is_image(name)]
    if not names:
        raise InputError(why)
    count = chosen_workers(workers, len(names))
    headers, reasons = scan(files, names, workers=count, progress=progress)
    broken = [Broken(name, reason) for name, reason in reasons.items()]
    refuse_many(broken, len(names), str(files.path))
    good = tuple(headers)
    images = OnDisk(files, good, spec.channels, spec.stored)
    split = Split(images, torch.zeros(len(good), dtype=torch.int64), good)
    notes = [
        f"{files.path.name}: {len(good):,} images to adapt to, without labels "
        f"({why.partition(', expected')[0]})"
    ]
    if broken:
        notes.append(f"Left out {len(broken)} file(s) that cannot be read")
    return Target(split, None, tuple(notes), count)


def _shape(split: Split) -> Sequence[int]:
    images = split.images
    if isinstance(images, InMemory):
        return images.pixels.shape[1:]
    assert isinstance(images, Encoded), "images are in memory or encoded"
    return images.channels, images.stored, images.stored


def _files(path: Path) -> Files | None:
    """Return the files of a folder or zip, None where there is neither."""
    if path.is_dir():
        return FolderFiles(path)
    return ZipFiles(path) if path.is_file() and path.suffix.lower() == ".zip" else None


def _is_image(name: str) -> bool:
    path = PurePosixPath(name)
    hidden = any(part.startswith((".", "__MACOSX")) for part in path.parts)
    return path.suffix.lower() in EXTENSIONS and not hidden


def _relabelled(split: Split, theirs: Sequence[str], ours: Sequence[str]) -> Split | None:
    """Return the split with the network's labels; None where it has classes of its own.

    Classes are matched by name. A set that only numbers them, as arrays do, is matched by number
    where it has as many as the network.
    """
    known = {name: at for at, name in enumerate(ours)}
    if _numbered(theirs) and len(theirs) == len(ours):
        return split
    if any(name not in known for name in theirs):
        return None
    return replace(split, labels=torch.tensor([known[name] for name in theirs])[split.labels])


def _numbered(names: Sequence[str]) -> bool:
    return all(name in (f"label {at}", str(at)) for at, name in enumerate(names))


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:5]) + (", ..." if len(names) > 5 else "")
