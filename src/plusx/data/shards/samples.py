"""What all shards of a source hold together: names, labels, classes, and where each image lies."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from urllib.parse import urlsplit

import numpy as np

from plusx.data.dataset import Broken
from plusx.data.shards.images import Places
from plusx.data.shards.index import Index
from plusx.data.shards.names import Shards, is_url
from plusx.data.split import Entry
from plusx.errors import InputError

__all__ = ["Samples", "samples_of"]

_LISTS = ("classes.txt", "classnames.txt")


@dataclass(frozen=True)
class Samples:
    """The samples of all shards, one after another; `parts` says how many are in each split."""

    classes: tuple[str, ...]
    names: Sequence[str]
    labels: Sequence[int]
    places: Places
    parts: dict[str, int]
    broken: list[Broken]
    total_bytes: int
    column: str

    def entries(self, lost: set[str]) -> dict[str, list[Entry]]:
        """Return the samples of each given split, without the `lost` ones."""
        found, at = {}, 0
        for part, count in self.parts.items():
            some = zip(self.names[at : at + count], self.labels[at : at + count], strict=True)
            found[part] = [Entry(name, label, name) for name, label in some if name not in lost]
            at += count
        return found


def samples_of(shards: Shards, indices: Sequence[Index], source: str) -> Samples:
    """Join the indices of a source's shards.

    A sample is called by its shard's file and its key, and split by that name: a shard more
    moves no sample of the others. Raises InputError where there are none, or their labels are no
    classes.
    """
    files = [_file(location) for location in shards.all]
    if len(set(files)) < len(files):
        files = [f"{at}-{file}" for at, file in enumerate(files)]
    classes, labels = _classes(indices, shards.all, source)
    counts = iter([len(index.keys) for index in indices])
    found = Samples(
        classes=classes,
        names=[f"{f}/{key}" for f, index in zip(files, indices, strict=True) for key in index.keys],
        labels=labels,
        places=np.concatenate([_places(number, index) for number, index in enumerate(indices)]),
        parts={part: sum(next(counts) for _ in some) for part, some in shards.parts.items()},
        broken=[
            Broken(f"{file}/{key}", reason)
            for file, index in zip(files, indices, strict=True)
            for key, reason in index.broken
        ],
        total_bytes=sum(index.size for index in indices),
        column=indices[0].column,
    )
    if not found.names and not found.broken:
        raise InputError(
            f"{source} holds no image with a label, expected samples such as 0001.jpg with "
            "0001.cls; look into a shard"
        )
    return found


def _file(location: str) -> str:
    return PurePosixPath(urlsplit(location).path).name if is_url(location) else Path(location).name


def _places(number: int, index: Index) -> Places:
    count = len(index.keys)
    columns = (np.full(count, number), index.first, index.second, np.arange(count))
    return np.stack([np.asarray(column, dtype=np.int64) for column in columns], axis=1)


def _classes(
    indices: Sequence[Index], locations: Sequence[str], source: str
) -> tuple[tuple[str, ...], list[int]]:
    """Return the names of the classes, and each sample's label as a number.

    Numbers are labels from 0, named by the shards themselves or by a file classes.txt beside them
    (a line each), else "label 0" and so on; other texts are the names of their classes.
    """
    texts = [text for index in indices for text in index.labels]
    if not all(re.fullmatch(r"-?\d+", text) for text in set(texts)):
        classes = tuple(sorted(set(texts)))
        number = {text: at for at, text in enumerate(classes)}
        return classes, [number[text] for text in texts]
    labels = [int(text) for text in texts]
    named = indices[0].classes or _listed(locations)
    count = max(labels, default=-1) + 1
    classes = tuple(named) if named else tuple(f"label {at}" for at in range(count))
    wrong = [label for label in set(labels) if not 0 <= label < len(classes)]
    if wrong:
        raise InputError(
            f"{source} has the label {wrong[0]}, expected 0 to {len(classes) - 1}"
            f"{', the classes that are named' if named else ''}; count the classes from 0"
        )
    return classes, labels


def _listed(locations: Sequence[str]) -> list[str] | None:
    if is_url(locations[0]):
        return None
    folder = Path(locations[0]).parent
    for path in (place / name for place in (folder, folder.parent) for name in _LISTS):
        if path.is_file():
            return [line.strip() for line in path.read_text(encoding="utf-8").splitlines() if line]
    return None
