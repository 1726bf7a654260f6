"""Published data sets by name: where they may lie, and where they come from."""

import os
from dataclasses import dataclass
from pathlib import Path

from plusx.data.cache import cache_folder
from plusx.data.download import download
from plusx.data.progress import Progress
from plusx.errors import InputError

__all__ = ["PUBLISHED", "locate"]


@dataclass(frozen=True)
class _Published:
    """`places` in a data folder, in order; `files` (name, MD5) are fetched into the first."""

    base: str
    places: tuple[str, ...]
    folder: str
    files: tuple[tuple[str, str], ...]


PUBLISHED = {
    "fashion-mnist": _Published(
        base="http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
        places=("fashion-mnist",),
        folder="fashion-mnist",
        files=(
            ("train-images-idx3-ubyte.gz", "8d4fb7e6c68d591d4c3dfef9ec88bf0d"),
            ("train-labels-idx1-ubyte.gz", "25c81989df183df01b3e8a0aad5dffbe"),
            ("t10k-images-idx3-ubyte.gz", "bef4ecab320f06d8554ea6380940ec79"),
            ("t10k-labels-idx1-ubyte.gz", "bb300cfdad3c16e7a12a480ee83cd310"),
        ),
    ),
    "cifar10": _Published(
        base="https://www.cs.toronto.edu/~kriz/",
        places=("cifar-10-batches-py", "cifar-10-python.tar.gz", "cifar10"),
        folder="",
        files=(("cifar-10-python.tar.gz", "c58f30108f718f92721af3b95e74349a"),),
    ),
    "cifar100": _Published(
        base="https://www.cs.toronto.edu/~kriz/",
        places=("cifar-100-python", "cifar-100-python.tar.gz", "cifar100"),
        folder="",
        files=(("cifar-100-python.tar.gz", "eb9058c3a382ffc7106e4002c42a8d85"),),
    ),
}


def locate(name: str, *, progress: Progress) -> Path:
    """Return where a published data set lies: in $PLUSX_DATA, in the cache, or downloaded to it.

    Raises InputError where it is in neither and cannot be downloaded.
    """
    known = PUBLISHED[name]
    cache = cache_folder()
    folders = [Path(os.environ["PLUSX_DATA"])] if os.environ.get("PLUSX_DATA") else []
    for folder in (*folders, cache):
        for place in known.places:
            if _is_whole(folder / place, known):
                return folder / place
    try:
        for file, digest in known.files:
            path = cache / known.folder / file
            if not path.exists():
                download(known.base + file, path, digest=digest, progress=progress)
    except OSError as error:
        raise InputError(
            f"{name} is not on this machine and cannot be downloaded from {known.base} ({error}); "
            f"expected {' or '.join(known.places)} in {' or '.join(map(str, (*folders, cache)))}; "
            f"put {', '.join(file for file, _ in known.files)} there"
        ) from error
    return cache / (known.folder or known.files[0][0])


def _is_whole(path: Path, known: _Published) -> bool:
    """Return whether a data set is there; a folder of ours may be half downloaded."""
    if known.folder and path.parent == cache_folder():
        return all((path / file).exists() for file, _ in known.files)
    return path.exists()
