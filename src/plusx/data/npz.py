"""Archives of NumPy arrays in the layout of MedMNIST (Yang et al. 2023)."""

import struct
import zipfile
import zlib
from pathlib import Path

import numpy as np
import numpy.typing as npt

from plusx.data.arrays import Arrays, Bytes, Labels, arrays_of, count_classes
from plusx.data.split import PARTS
from plusx.data.zipped import check_archive, opened_archive
from plusx.errors import InputError

__all__ = ["read_npz"]


# MemoryError: an array whose head claims more than the machine has
_FAULTS = (
    OSError,
    ValueError,
    EOFError,
    MemoryError,
    zipfile.BadZipFile,
    zlib.error,
    struct.error,
)


def read_npz(path: Path) -> Arrays:
    """Read train_images (N, H, W) or (N, H, W, 3) and train_labels (N,) or (N, 1), val_ and test_.

    The file does not name the classes: they are called "label 0", "label 1", ...
    Raises InputError where the arrays are missing, damaged or do not fit each other.
    """
    with opened_archive(path) as archive:
        check_archive(archive, path)
        names = set(archive.namelist())
    groups = {}
    for part in PARTS:
        keys = [f"{part}_images", f"{part}_labels"]
        there = [key for key in keys if f"{key}.npy" in names]
        if len(there) == 2:
            groups[part] = (_images(path, keys[0]), _labels(path, keys[1]))
        elif there or part == "train":
            raise InputError(
                f"{path} holds {', '.join(sorted(n.removesuffix('.npy') for n in names)) or 'none'}"
                f", expected {' and '.join(keys)}; see the layout of MedMNIST"
            )
    count = count_classes(groups["train"][1], where=str(path))
    return arrays_of(groups, [f"label {label}" for label in range(count)], where=str(path))


def _images(path: Path, key: str) -> Bytes:
    array = _array(path, key)
    grey = array.ndim == 3
    if array.dtype != np.uint8 or not (grey or (array.ndim == 4 and array.shape[3] == 3)):
        raise _unfit(path, key, array, "uint8 of (N, H, W) or (N, H, W, 3)")
    pixels: Bytes = array.astype(np.uint8, copy=False)
    return pixels[:, None] if grey else pixels.transpose(0, 3, 1, 2)


def _labels(path: Path, key: str) -> Labels:
    array = _array(path, key)
    if array.ndim == 2 and array.shape[1] > 1:
        raise InputError(
            f"{path}: {key} is {array.shape}, {array.shape[1]} labels for each image, expected one "
            "(N,) or (N, 1); sets of several labels for an image are not supported"
        )
    if array.dtype.kind not in "iu" or array.ndim not in (1, 2):
        raise _unfit(path, key, array, "whole numbers of (N,) or (N, 1)")
    return array.reshape(len(array)).astype(np.int64)


def _array(path: Path, key: str) -> npt.NDArray[np.generic]:
    try:
        with np.load(path, allow_pickle=False) as file:  # a pickle could run any code
            array: npt.NDArray[np.generic] = file[key]
            return array
    except _FAULTS as error:
        raise InputError(
            f"{path}: {key} cannot be read ({error}), expected a plain array of numbers; save it "
            "with numpy.savez from arrays that are not of dtype object"
        ) from error


def _unfit(path: Path, key: str, array: npt.NDArray[np.generic], expected: str) -> InputError:
    return InputError(
        f"{path}: {key} is {array.dtype} of {array.shape}, expected {expected}; convert it before "
        "saving"
    )
