"""IDX files, the form of MNIST and of those who follow it (Fashion-MNIST)."""

import gzip
import zlib
from hashlib import md5
from pathlib import Path

import numpy as np

from plusx.data.arrays import Arrays, Bytes, Labels, arrays_of, count_classes
from plusx.errors import InputError

__all__ = ["holds_idx", "read_idx"]

_UBYTE = 8  # the type code of unsigned bytes, third byte of the magic number
_DEFLATE_MOST = 1100  # deflate cannot shrink more than 1032 times
_FASHION = "3236f6424fc25388b2834cb19942cf7e"  # MD5 of the training labels
_FASHION_CLASSES = (
    "T-shirt/top",
    "Trouser",
    "Pullover",
    "Dress",
    "Coat",
    "Sandal",
    "Shirt",
    "Sneaker",
    "Bag",
    "Ankle boot",
)


def holds_idx(folder: Path) -> bool:
    """Return whether the folder has the training images in IDX form."""
    return _find(folder, "train", "images") is not None


def read_idx(folder: Path) -> Arrays:
    """Read train-images and train-labels, and t10k-images and t10k-labels where they are.

    The files do not name the classes. Fashion-MNIST is known by its labels, for others the
    classes are called "0", "1", ...: in most sets of this form they are digits.
    Raises InputError for files that are missing, damaged or do not fit each other.
    """
    groups = {"train": _read_split(folder, "train")}
    if _find(folder, "t10k", "images"):
        groups["test"] = _read_split(folder, "t10k")
    labels = groups["train"][1]
    count = count_classes(labels, where=str(folder))
    known = md5(labels.astype(np.uint8).tobytes(), usedforsecurity=False).hexdigest() == _FASHION
    classes = _FASHION_CLASSES if known else tuple(str(label) for label in range(count))
    return arrays_of(groups, classes, where=str(folder))


def _find(folder: Path, split: str, what: str) -> Path | None:
    form = {"images": "idx3-ubyte", "labels": "idx1-ubyte"}[what]
    names = [f"{split}-{what}{dot}{form}{gz}" for dot in "-." for gz in ("", ".gz")]
    return next((folder / name for name in names if (folder / name).is_file()), None)


def _read_split(folder: Path, split: str) -> tuple[Bytes, Labels]:
    arrays = []
    for what, axes in (("images", 3), ("labels", 1)):
        path = _find(folder, split, what)
        if path is None:
            raise InputError(
                f"{folder} has no {split}-{what} file, expected images and labels of each split; "
                f"add {split}-{what}-idx{axes}-ubyte.gz"
            )
        arrays.append(_read(path, axes))
    return arrays[0][:, None], arrays[1].astype(np.int64)


def _read(path: Path, axes: int) -> Bytes:
    """Read one file: two zero bytes, the type, the number of axes, their lengths, the data."""
    head = _bytes(path, 4 + 4 * axes)
    expected = bytes((0, 0, _UBYTE, axes))
    if head[:4] != expected:
        raise InputError(
            f"{path} begins with {head[:4].hex(' ')}, expected {expected.hex(' ')} (an IDX file "
            f"of bytes with {axes} axes); is it the right file, and is it compressed as it says?"
        )
    shape = tuple(int(n) for n in np.frombuffer(head, dtype=">u4", offset=4, count=axes))
    size = len(head) + int(np.prod(shape, dtype=object))
    if size > path.stat().st_size * (_DEFLATE_MOST if path.suffix == ".gz" else 1):
        raise _cut_off(path, f"it is too short for {shape}")
    content = _bytes(path, size + 1)
    if len(content) != size:
        more = "more" if len(content) > size else "fewer"
        raise _cut_off(path, f"it holds {more} bytes than {shape}")
    return np.frombuffer(content, dtype=np.uint8, offset=len(head)).reshape(shape)


def _bytes(path: Path, count: int) -> bytes:
    """Read up to `count` bytes, unpacked."""
    try:
        with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as file:
            content = file.read(count)
    except (OSError, EOFError, zlib.error) as error:
        raise _cut_off(path, str(error)) from error
    if len(content) < 4:
        raise _cut_off(path, f"{len(content)} byte(s)")
    return content


def _cut_off(path: Path, reason: str) -> InputError:
    return InputError(
        f"{path} is no whole IDX file ({reason}), expected one as it was published; it may be cut "
        "off, so copy or download it again"
    )
