"""Where shards are: on this machine, or fetched once into a cache of limited size."""

import os
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path, PurePosixPath
from typing import TypeVar
from urllib.parse import urlsplit

from plusx.data.cache import cache_folder
from plusx.data.download import download
from plusx.data.progress import silent
from plusx.data.shards.names import is_url
from plusx.errors import InputError

__all__ = ["Store", "default_cache_limit"]

T = TypeVar("T")

_TRIES = 3
_PAUSE = 1.0  # seconds; doubled from try to try


@dataclass(frozen=True)
class Store:
    """Shards by number; those of URLs take `limit` bytes of the cache, the last used stay."""

    locations: tuple[str, ...]
    limit: int

    def path(self, number: int) -> Path:
        """Return where a shard lies, fetching it if it must be.

        Several processes may ask for the same one: it is fetched once. Raises InputError where
        it cannot be had.
        """
        location = self.locations[number]
        if not is_url(location):
            return Path(location)
        from filelock import FileLock

        kept = _folder() / _file_name(location)
        if not _touched(kept):
            kept.parent.mkdir(parents=True, exist_ok=True)
            with FileLock(kept.with_name(f".{kept.name}.lock")):
                if not _touched(kept):
                    _fetch(location, kept)
                    _make_room(kept, self.limit)
        return kept

    def using(self, number: int, read: Callable[[Path], T]) -> T:
        """Return what `read` makes of a shard."""
        try:
            return read(self.path(number))
        except FileNotFoundError:
            if not is_url(self.locations[number]):
                raise
            # between asking and opening, another process made room in the cache for its own
            return read(self.path(number))


def default_cache_limit() -> int:
    """Return half of what the disk of the cache has free or the shards there take, in bytes."""
    import shutil

    folder = cache_folder()
    there = next(path for path in (folder, *folder.parents) if path.exists())
    taken = sum(status.st_size for _, status in _kept(_folder()))
    return (shutil.disk_usage(there).free + taken) // 2


def _folder() -> Path:
    return cache_folder() / "shards" / "files"


def _file_name(url: str) -> str:
    digest = blake2b(url.encode(), digest_size=8).hexdigest()
    return f"{digest}-{PurePosixPath(urlsplit(url).path).name}"


def _touched(path: Path) -> bool:
    """Mark a file as used now; say whether it is there."""
    try:
        os.utime(path)
    except FileNotFoundError:
        return False
    return True


def _fetch(url: str, path: Path) -> None:
    for left in reversed(range(_TRIES)):
        try:
            download(url, path, digest=None, progress=silent)
            return
        except OSError as error:
            refused = 400 <= getattr(error, "code", 0) < 500
            if refused or not left:
                raise InputError(
                    f"{url} cannot be fetched ({error}), expected a shard there; look at the "
                    "address and the network"
                ) from error
            time.sleep(_PAUSE * 2 ** (_TRIES - 1 - left))


def _make_room(newest: Path, limit: int) -> None:
    """Remove the shards that were not used for longest until the rest take `limit` bytes."""
    there = sorted(_kept(newest.parent), key=lambda item: item[1].st_mtime_ns, reverse=True)
    total = 0
    for path, status in there:
        total += status.st_size
        if total > limit and path != newest:
            with suppress(OSError):  # another process was quicker, or holds it open on Windows
                path.unlink()


def _kept(folder: Path) -> list[tuple[Path, os.stat_result]]:
    found = []
    for path in folder.glob("[!.]*"):
        with suppress(FileNotFoundError):
            found.append((path, path.stat()))
    return found
