"""A data set of shards: indexed, looked at in samples, and decoded into memory if it fits."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from plusx.data.assemble import Found, Select, assemble, select_from
from plusx.data.dataset import Broken, Data, Images
from plusx.data.load import channels_of, decoded
from plusx.data.memory import default_limit
from plusx.data.order import near
from plusx.data.parallel import chosen_workers
from plusx.data.progress import Progress
from plusx.data.scan import choose_size, refuse_many, scan
from plusx.data.shards.images import InShards, row_groups, window_for
from plusx.data.shards.index import indices_of
from plusx.data.shards.names import Shards, find_shards, is_url, required
from plusx.data.shards.parquet import index_parquet
from plusx.data.shards.samples import Samples, samples_of
from plusx.data.shards.store import Store, default_cache_limit
from plusx.data.shards.tar import index_tar
from plusx.data.spec import stored_for
from plusx.data.split import Entry, complete

__all__ = ["open_shards"]

_LOOKED_AT = 1000


def open_shards(
    source: str,
    *,
    name: str,
    seed: int,
    size: int | None,
    progress: Progress,
    workers: int | None,
    memory_limit: int | None,
    cache_limit: int | None,
) -> Data:
    """Open shards as a data set; see `open_data` for the arguments.

    Images are looked at in a sample only, of near places: size, colour, and what cannot be read
    are known of the whole once it has been trained on. Raises InputError for shards that are
    missing, damaged or without labels.
    """
    shards = find_shards(source)
    store = Store(shards.all, default_cache_limit() if cache_limit is None else cache_limit)
    samples = _indexed(shards, store, source, workers=workers, progress=progress)
    refuse_many(samples.broken, len(samples.names) + len(samples.broken), source)
    workers = chosen_workers(workers, len(samples.names))
    images = _images(shards, store, samples)
    looked = _looked_at(images, samples.names, size, workers=workers, progress=progress)
    refuse_many(looked.broken, looked.count, source)
    images = replace(images, channels=looked.channels, stored=stored_for(looked.size))
    faults = looked.broken
    select, in_memory = _select(images, samples.names), False
    limit = default_limit() if memory_limit is None else memory_limit
    if len(images) * images.channels * images.stored**2 <= limit:
        pixels, faults = decoded(images, samples.names, workers=workers, progress=progress)
        select, in_memory = select_from(pixels, samples.names), True
    broken = (*samples.broken, *faults)
    refuse_many(broken, len(samples.names) + len(samples.broken), source)
    found = Found(
        name=name,
        where=source,
        classes=samples.classes,
        channels=images.channels,
        size=looked.size,
        given=tuple(shards.parts),
        broken=broken,
        notes=(*_notes(shards, store, samples), *looked.notes, *_order(images, in_memory)),
        workers=0 if in_memory else workers,
    )
    entries = samples.entries({file.name for file in faults})
    parts = complete(entries, samples.classes, seed=seed)
    return assemble(found, parts, select, progress=progress)


def _indexed(
    shards: Shards, store: Store, source: str, *, workers: int | None, progress: Progress
) -> Samples:
    """Read what the shards hold, by the library made for them."""
    grouped = shards.kind == ".parquet"
    required("pyarrow" if grouped else "webdataset")
    read = index_parquet if grouped else index_tar
    most = chosen_workers(workers, _LOOKED_AT)
    indices = list(indices_of(store, read, workers=most, progress=progress))
    return samples_of(shards, indices, source)


def _images(shards: Shards, store: Store, samples: Samples) -> InShards:
    """Return all images; their channels and side are to be seen from them."""
    places, total = samples.places, samples.total_bytes
    groups = None
    if shards.kind == ".parquet":
        groups = row_groups(store, samples.column, places, total)
    window = window_for(store, places, total, grouped=groups is not None)
    return InShards(store, places, channels=3, stored=1, window=window, groups=groups)


@dataclass(frozen=True)
class _Looked:
    """What a look at `count` images told."""

    count: int
    channels: int
    size: int
    notes: tuple[str, ...]
    broken: list[Broken]


def _looked_at(
    images: InShards, names: Sequence[str], size: int | None, *, workers: int, progress: Progress
) -> _Looked:
    some = near(images.chunks(), _LOOKED_AT).tolist()
    headers, faults = scan(images, some, workers=workers, progress=progress)
    channels, colours = channels_of(headers.values())
    side, told = choose_size((header[:2] for header in headers.values()), size)
    notes = (*colours, told)
    if len(some) < len(names):  # then the number of grey images among all is not known
        notes = (f"{told[:-1]}; {len(some)} looked at.",)
    broken = [Broken(names[at], reason) for at, reason in faults.items()]
    return _Looked(len(some), channels, side, notes, broken)


def _select(images: InShards, names: Sequence[str]) -> Select:
    row = {name: at for at, name in enumerate(names)}

    def some(entries: Sequence[Entry]) -> Images:
        rows = [row[entry.name] for entry in entries]
        return replace(images, places=images.places[rows])

    return some


def _notes(shards: Shards, store: Store, samples: Samples) -> list[str]:
    notes = [f"{len(shards.all)} {shards.kind} shard(s) of {len(samples.names)} images."]
    if any(map(is_url, shards.all)):
        notes.append(
            f"Shards are fetched once each into a cache of up to {store.limit / 1e9:.1f} GB; what "
            "is at a URL is taken not to change."
        )
        if store.limit < samples.total_bytes:
            notes.append(
                f"The shards take {samples.total_bytes / 1e9:.1f} GB, more than the cache: some "
                "are fetched again in every epoch."
            )
    return notes


def _order(images: InShards, in_memory: bool) -> list[str]:
    if in_memory:
        return []
    room = "" if images.groups is None else f", with up to {images.groups.room >> 20} MiB a process"
    return [
        f"The order of an epoch permutes pieces of shards, and shuffles over {images.window} "
        f"images{room}."
    ]
