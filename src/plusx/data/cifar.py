"""CIFAR-10 and CIFAR-100 as published: pickled batches in a folder or its tar.gz."""

import tarfile
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np

from plusx.data.arrays import Arrays, Bytes, Labels, arrays_of
from plusx.data.pickles import load_pickled
from plusx.errors import InputError

__all__ = ["cifar_folder", "read_cifar"]

_MOST = 1 << 30  # bytes of one file; the largest published one has 155 million


@dataclass(frozen=True)
class _Form:
    folder: str
    meta: str
    names: str
    train: tuple[str, ...]
    test: str
    labels: str

    @property
    def files(self) -> tuple[str, ...]:
        return (self.meta, *self.train, self.test)


_FORMS = (
    _Form(
        folder="cifar-10-batches-py",
        meta="batches.meta",
        names="label_names",
        train=tuple(f"data_batch_{number}" for number in range(1, 6)),
        test="test_batch",
        labels="labels",
    ),
    _Form(
        folder="cifar-100-python",
        meta="meta",
        names="fine_label_names",
        train=("train",),
        test="test",
        labels="fine_labels",
    ),
)


def cifar_folder(folder: Path) -> Path | None:
    """Return the folder of batches that `folder` is or holds; raise InputError if it holds two."""
    for form in _FORMS:
        if (folder / form.meta).is_file() and (folder / form.test).is_file():
            return folder
    inner = [folder / form.folder for form in _FORMS if (folder / form.folder).is_dir()]
    if len(inner) > 1:
        raise InputError(
            f"{folder} holds {' and '.join(path.name for path in inner)}, expected one data set; "
            "give the path of one of them"
        )
    return inner[0] if inner else None


def read_cifar(path: Path) -> Arrays:
    """Read the folder of batches or the tar.gz; CIFAR-100 with its 100 fine labels.

    Raises InputError for files that are missing, damaged or not what was published.
    """
    contents = _from_folder(path) if path.is_dir() else _from_tar(path)
    form = next((form for form in _FORMS if form.meta in contents), _FORMS[0])
    for name in form.files:
        if name not in contents:
            raise InputError(
                f"{path} has no {name}, expected {', '.join(form.files)}; copy or download it again"
            )
    classes = _classes(_fields(contents, form.meta, path), form, path)
    train = [_batch(contents, name, form, path) for name in form.train]
    groups = {
        "train": (
            np.concatenate([pixels for pixels, _ in train]),
            np.concatenate([labels for _, labels in train]),
        ),
        "test": _batch(contents, form.test, form, path),
    }
    return arrays_of(groups, classes, where=str(path))


def _from_folder(folder: Path) -> dict[str, bytes]:
    wanted = {name for form in _FORMS for name in form.files}
    return {file.name: file.read_bytes() for file in folder.iterdir() if file.name in wanted}


def _from_tar(path: Path) -> dict[str, bytes]:
    """Read the wanted members into memory; nothing is unpacked to disk."""
    wanted = {f"{form.folder}/{name}" for form in _FORMS for name in form.files}
    contents: dict[str, bytes] = {}
    try:
        with tarfile.open(path, "r:gz") as archive:
            for member in archive:
                name = str(PurePosixPath(member.name))
                if name not in wanted or not member.isfile():
                    continue
                if member.size > _MOST:
                    raise InputError(
                        f"{path}: {name} has {member.size:,} bytes, expected at most {_MOST:,}; "
                        "take the published file"
                    )
                file = archive.extractfile(member)
                contents[PurePosixPath(name).name] = file.read() if file else b""
    except (OSError, EOFError, tarfile.TarError, zlib.error) as error:
        raise InputError(
            f"{path} is no whole tar.gz archive ({error}), expected CIFAR-10 or CIFAR-100 as "
            "published; it may be cut off, so copy or download it again"
        ) from error
    return contents


def _fields(contents: Mapping[str, bytes], name: str, path: Path) -> Mapping[str, Any]:
    """Return what a file holds by field name; Python 2 wrote bytes where Python 3 has str."""
    value = load_pickled(contents[name], where=f"{path}: {name}")
    if not isinstance(value, dict):
        raise _unfit(path, name, "something else than a dictionary")
    return {_text(key): field for key, field in value.items()}


def _classes(fields: Mapping[str, Any], form: _Form, path: Path) -> tuple[str, ...]:
    names = fields.get(form.names)
    if not isinstance(names, list) or not names:
        raise _unfit(path, form.meta, f"no {form.names}")
    return tuple(_text(name) for name in names)


def _batch(
    contents: Mapping[str, bytes], name: str, form: _Form, path: Path
) -> tuple[Bytes, Labels]:
    """Return (N, 3, 32, 32) and (N,): rows of 3072 bytes, all red, all green, all blue."""
    fields = _fields(contents, name, path)
    data, labels = fields.get("data"), fields.get(form.labels)
    if not isinstance(data, np.ndarray) or data.dtype != np.uint8 or data.shape[1:] != (3072,):
        raise _unfit(path, name, "data that are not rows of 3072 bytes")
    if not isinstance(labels, list) or not all(isinstance(label, int) for label in labels):
        raise _unfit(path, name, f"no list of {form.labels}")
    return data.reshape(-1, 3, 32, 32), _numbers(labels)


def _numbers(labels: Sequence[int]) -> Labels:
    return np.array(labels, dtype=np.int64)


def _text(name: object) -> str:
    return name.decode("utf-8", "replace") if isinstance(name, bytes) else str(name)


def _unfit(path: Path, name: str, given: str) -> InputError:
    return InputError(
        f"{path}: {name} holds {given}, expected what was published; copy or download it again"
    )
