"""The one door to data: a path or a name in, a data set out."""

import re
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit

from plusx.data.arrays import Arrays, open_arrays
from plusx.data.cifar import cifar_folder, read_cifar
from plusx.data.dataset import Data
from plusx.data.digits import read_digits
from plusx.data.folder import Files, FolderFiles
from plusx.data.idx import holds_idx, read_idx
from plusx.data.layout import EXTENSIONS
from plusx.data.load import open_files
from plusx.data.npz import read_npz
from plusx.data.progress import Progress, silent
from plusx.data.published import PUBLISHED, locate
from plusx.data.shards.load import open_shards
from plusx.data.shards.names import holds_shards, is_url, means_shards
from plusx.data.zipped import ZipFiles
from plusx.errors import InputError, nearest

__all__ = ["NAMES", "open_data"]

NAMES = ("digits", *PUBLISHED)
_KINDS = (
    "a folder with a folder of images for each class (also with train, val, test around them), "
    "a .zip of that, an .npz in the layout of MedMNIST, a folder of IDX files, CIFAR as published "
    "(folder or .tar.gz), shards (.tar in the layout of WebDataset, or .parquet: a folder, a "
    f"pattern such as train-{{000..010}}.tar, a URL), or a name: {', '.join(NAMES)}"
)


def open_data(
    source: str | Path,
    *,
    seed: int = 0,
    size: int | None = None,
    progress: Progress | None = None,
    workers: int | None = None,
    memory_limit: int | None = None,
    cache_limit: int | None = None,
) -> Data:
    """Open the data set that `source`, a path, a URL of shards or one of NAMES, stands for.

    Splits that the source does not have are made by a hash of the file names and `seed`.
    `size` is the side of the network's input (default: by the images), `workers` the number of
    processes that decode (default: by the work), `memory_limit` the bytes up to which images
    are kept in memory (default: a quarter of what is free), `cache_limit` those that shards from
    URLs may take on disk (default: half of what is free). A path goes before a name.

    Raises InputError, saying what is wrong and what to do, for anything that is no data set.

    >>> data = open_data("digits")
    >>> data.input.size, len(data.input.classes)
    (8, 10)
    """
    _check_numbers(size, workers, memory_limit, cache_limit)
    text, progress = str(source), progress or silent
    if not text.strip() or "\0" in text:
        raise InputError(f"the data set is given as {text!r}, expected {_KINDS}")
    path = Path(source).expanduser()
    if _means_shards(text, path):
        return open_shards(
            text,
            name=_name(_without_braces(text)),
            seed=seed,
            size=size,
            progress=progress,
            workers=workers,
            memory_limit=memory_limit,
            cache_limit=cache_limit,
        )
    by_name = text in NAMES and not path.exists()
    name = text if by_name else _name(path)
    if by_name and text != "digits":
        path = locate(text, progress=progress)
    found = read_digits() if by_name and text == "digits" else _read(path)
    if isinstance(found, Arrays):
        data = open_arrays(found, name=name, seed=seed, size=size, progress=progress)
    else:
        data = open_files(
            found,
            name=name,
            seed=seed,
            size=size,
            progress=progress,
            workers=workers,
            memory_limit=memory_limit,
        )
    if text in NAMES and not by_name:
        note = f"Took the path {text} of this folder, not the published data set of that name."
        return replace(data, notes=(note, *data.notes))
    return data


def _means_shards(text: str, path: Path) -> bool:
    """Say whether a source is shards: by its own name, or, for a folder, by what lies in it."""
    try:
        if is_url(text) or not path.is_dir():
            return means_shards(text) and ("{" in text or is_url(text) or path.exists())
        return holds_shards(path)
    except OSError:
        return False  # `_read` will meet the same, and say so


def _without_braces(text: str) -> Path:
    """Return the path of a pattern or URL without its braces, as something to name a run by."""
    path = urlsplit(text).path if is_url(text) else text
    plain = re.sub(r"[-_.]?\{[^{}]*\}", "", path)
    return Path(plain if Path(plain).stem else path)


def _read(path: Path) -> Arrays | Files:
    """Find out what a path is, by its content and else by its name."""
    try:
        if path.is_dir():
            return _read_folder(path)
        if not path.exists():
            raise _absent(path)
        with path.open("rb") as file:
            start = file.read(4)
    except OSError as error:
        raise InputError(
            f"{path} cannot be read ({error.strerror}), expected a file or folder that you may "
            "read; look at its permissions and its drive"
        ) from error
    suffix = path.suffix.lower()
    if suffix == ".npz":
        return read_npz(path)
    if suffix == ".zip" or start.startswith(b"PK"):
        return ZipFiles(path)
    if suffix in (".gz", ".tgz") and (suffix == ".tgz" or ".tar" in path.suffixes):
        return read_cifar(path)
    if suffix in EXTENSIONS:
        raise InputError(
            f"{path} is one file, expected {_KINDS}; give the folder that holds the class folders"
        )
    raise InputError(f"{path} is no data set that is known, expected {_KINDS}; convert it to one")


def _read_folder(path: Path) -> Arrays | Files:
    if not any(path.iterdir()):
        raise InputError(f"{path} is empty, expected {_KINDS}; is it the right folder?")
    if holds_idx(path):
        return read_idx(path)
    inner = cifar_folder(path)
    return read_cifar(inner) if inner else FolderFiles(path)


def _absent(path: Path) -> InputError:
    beside = [other.name for other in path.parent.iterdir()] if path.parent.is_dir() else []
    guess = nearest(path.name, [*beside, *NAMES])
    return InputError(
        f"{path} does not exist{guess}; expected {_KINDS}; paths start from {Path.cwd()}"
    )


def _name(path: Path) -> str:
    name = path.resolve().name
    for suffix in (".zip", ".npz", ".tgz", ".tar.gz", ".tar", ".parquet"):
        name = name.removesuffix(suffix)
    return name


def _check_numbers(
    size: int | None, workers: int | None, memory_limit: int | None, cache_limit: int | None
) -> None:
    for what, value, least in (
        ("size", size, 8),
        ("workers", workers, 0),
        ("memory_limit", memory_limit, 0),
        ("cache_limit", cache_limit, 0),
    ):
        if value is not None and value < least:
            raise InputError(f"{what} is {value}, expected {least} or more; leave it out for ours")
