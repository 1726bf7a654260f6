"""What lies where in each shard: read once, kept in the cache, checked against size and time."""

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from hashlib import blake2b
from pathlib import Path

from plusx.data.cache import cache_folder
from plusx.data.parallel import mapped
from plusx.data.progress import Progress
from plusx.data.shards.names import is_url
from plusx.data.shards.store import Store
from plusx.files import write_bytes

__all__ = ["Index", "indices_of"]

_FORMAT = 1


@dataclass(frozen=True)
class Index:
    """The samples of one shard: key, label as text, and the two numbers that find the image.

    Those are offset and size in a tar file, row group and row in a Parquet file. `classes` are the
    names that the shard itself gives the labels 0, 1, ...; `size` is the shard's in bytes;
    `column` is where a Parquet file has its images. `broken` are keys and reasons.
    """

    keys: list[str]
    labels: list[str]
    first: list[int]
    second: list[int]
    broken: list[tuple[str, str]]
    size: int
    classes: list[str] | None = None
    column: str = ""


def indices_of(
    store: Store, read: Callable[[Path], Index], *, workers: int, progress: Progress
) -> Iterator[Index]:
    """Yield the index of each shard, from the cache where the shard is as it was."""
    numbers = range(len(store.locations))
    with progress("Reading what the shards hold", len(numbers)) as advance:
        for index in mapped(_Indexer(store, read).index, numbers, workers=workers):
            yield index
            advance(1)


@dataclass(frozen=True)
class _Indexer:
    store: Store
    read: Callable[[Path], Index]

    def index(self, number: int) -> Index:
        location = self.store.locations[number]
        digest = blake2b(f"{_FORMAT}/{location}".encode(), digest_size=12).hexdigest()
        kept = cache_folder() / "shards" / "index" / f"{digest}.json"
        stamp = _stamp(location)
        try:
            fields = json.loads(kept.read_bytes())
            if fields.pop("stamp") == stamp:
                return Index(**fields)
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            pass  # none yet, or damaged: it is made anew
        index = self.store.using(number, self.read)
        with suppress(OSError):  # a cache that cannot be written costs time, no more
            write_bytes(kept, json.dumps({**asdict(index), "stamp": stamp}).encode())
        return index


def _stamp(location: str) -> Sequence[int | str]:
    """Return what changes with a file. What is at a URL is taken not to change."""
    if is_url(location):
        return [location]
    path = Path(location).resolve()
    status = path.stat()
    return [str(path), status.st_size, status.st_mtime_ns]
