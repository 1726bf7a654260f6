"""Images that lie in shards, each found by its place: no shard is ever read from end to end."""

from dataclasses import dataclass
from functools import partial
from io import BytesIO
from pathlib import Path
from typing import BinaryIO

import numpy as np
import numpy.typing as npt
import torch

from plusx.data.dataset import Chunks, Encoded
from plusx.data.decode import BrokenImage
from plusx.data.shards.names import is_url
from plusx.data.shards.parquet import RowGroups
from plusx.data.shards.store import Store

__all__ = ["InShards", "Places", "row_groups", "window_for"]

Places = npt.NDArray[np.int64]
"""(N, 4): shard, the two numbers of `Index`, and the position among the shard's samples."""

_WINDOW = 16_384  # images to shuffle over; more would mix no better and read further
_RUN = 256  # images of a local tar file that are read near one another
_WINDOW_BYTES = 256 << 20  # of row groups, which each process holds in memory
_WINDOW_SHARDS = 8  # to be fetched before the first batch


@dataclass(frozen=True, eq=False)
class InShards(Encoded):
    """Images in tar files, or, with `groups`, in Parquet files."""

    store: Store
    places: Places
    channels: int
    stored: int
    window: int
    groups: RowGroups | None

    def __len__(self) -> int:
        return len(self.places)

    def open(self, index: int) -> BinaryIO:
        """Open one encoded image; raises BrokenImage, and InputError where its shard is gone."""
        number, first, second, _ = self.places[index].tolist()
        if self.groups is not None:
            return BytesIO(self.groups.read(number, first, second))
        content = self.store.using(number, partial(_read_bytes, first, second))
        if len(content) < second:
            raise BrokenImage("its shard ends before it does")
        return BytesIO(content)

    def chunks(self) -> Chunks:
        """Pieces that are fast to read: runs of a tar file, row groups, or shards to be fetched."""
        shard, first, _, position = self.places.T
        if self.groups is not None:
            within = first
        else:
            local = np.array([not is_url(location) for location in self.store.locations])
            within = np.where(local[shard], position // _RUN, 0)
        return Chunks(torch.from_numpy((shard << 32) + within), self.window)


def window_for(store: Store, places: Places, total_bytes: int, *, grouped: bool) -> int:
    """Return over how many images to shuffle: a function of the shards alone.

    Row groups have to fit in memory meanwhile, and the shards of a URL in the cache.
    """
    window = _WINDOW
    if grouped:
        window = min(window, _WINDOW_BYTES * len(places) // max(1, total_bytes))
    if any(map(is_url, store.locations)):
        window = min(window, _WINDOW_SHARDS * len(places) // len(store.locations))
    return max(1, window)


def row_groups(store: Store, column: str, places: Places, total_bytes: int) -> RowGroups:
    """Return a reader that keeps the row groups of a window, with those at its two ends."""
    counts = np.unique((places[:, 0] << 32) + places[:, 1], return_counts=True)[1]
    largest = int(counts.max()) * total_bytes // len(places)
    return RowGroups(store, column, room=_WINDOW_BYTES + 3 * largest)


def _read_bytes(offset: int, size: int, path: Path) -> bytes:
    with path.open("rb", buffering=0) as file:
        file.seek(offset)
        return file.read(size)
