"""A data set of image files: found, looked at, and decoded into memory if they fit."""

from collections.abc import Collection, Mapping, Sequence

import torch

from plusx.data.assemble import Found, Select, assemble, select_from
from plusx.data.batches import batches
from plusx.data.dataset import Broken, Data, Encoded, Images, OnDisk, Split
from plusx.data.decode import Header
from plusx.data.folder import Files
from plusx.data.layout import lay_out
from plusx.data.memory import default_limit
from plusx.data.parallel import chosen_workers
from plusx.data.progress import Progress
from plusx.data.scan import choose_size, refuse_many, scan
from plusx.data.spec import stored_for
from plusx.data.split import Entry, complete

__all__ = ["channels_of", "decoded", "open_files"]

_CHUNK_BYTES = 8 << 20  # what a worker sends at once; containers have little shared memory


def open_files(
    files: Files,
    *,
    name: str,
    seed: int,
    size: int | None,
    progress: Progress,
    workers: int | None,
    memory_limit: int | None,
) -> Data:
    """Open image files as a data set; see `open_data` for the arguments.

    Raises InputError where the files' names tell no classes, or too many files are broken.
    """
    layout = lay_out(files.names(), str(files.path))
    names = [entry.name for entries in layout.parts.values() for entry in entries]
    workers = chosen_workers(workers, len(names))
    headers, faults = scan(files, names, workers=workers, progress=progress)
    broken = [Broken(file, reason) for file, reason in faults.items()]
    refuse_many(broken, len(names), str(files.path))
    channels, colours = channels_of(headers.values())
    side, sizes = choose_size((header[:2] for header in headers.values()), size)
    disk = OnDisk(files, tuple(headers), channels, stored_for(side))
    readable: Collection[str] = headers
    images = _on_disk(disk)
    limit = default_limit() if memory_limit is None else memory_limit
    fits = len(disk) * channels * disk.stored**2 <= limit
    if fits:
        pixels, lost = decoded(disk, disk.names, workers=workers, progress=progress)
        broken += lost
        refuse_many(broken, len(names), str(files.path))
        readable = headers.keys() - {file.name for file in lost}
        images = select_from(pixels, disk.names)
    given = {
        part: [entry for entry in entries if entry.name in readable]
        for part, entries in layout.parts.items()
    }
    found = Found(
        name=name,
        where=str(files.path),
        classes=layout.classes,
        channels=channels,
        size=side,
        given=tuple(layout.parts),
        broken=tuple(broken),
        notes=(*layout.notes, *colours, sizes),
        workers=0 if fits else workers,
        sizes=_sizes(headers),
    )
    parts = complete(given, layout.classes, seed=seed)
    return assemble(found, parts, images, progress=progress)


def channels_of(headers: Collection[Header]) -> tuple[int, tuple[str, ...]]:
    """Return the channels, 1 where all images are grey, else 3, and a note where both occur."""
    grey = sum(header.grey for header in headers)
    if grey in (0, len(headers)):
        return (1 if grey else 3), ()
    return 3, (f"{grey} grey image(s) among {len(headers)} are used as colour images.",)


def _sizes(headers: Mapping[str, Header]) -> dict[tuple[int, int], tuple[int, str]]:
    """Count the images of each (width, height), and name the first."""
    found: dict[tuple[int, int], tuple[int, str]] = {}
    for name, header in headers.items():
        count, first = found.get(header[:2], (0, name))
        found[header[:2]] = count + 1, first
    return found


def _on_disk(disk: OnDisk) -> Select:
    def images(entries: Sequence[Entry]) -> Images:
        names = tuple(entry.name for entry in entries)
        return OnDisk(disk.files, names, disk.channels, disk.stored)

    return images


def decoded(
    images: Encoded, names: Sequence[str], *, workers: int, progress: Progress
) -> tuple[torch.Tensor, list[Broken]]:
    """Decode all images: uint8 (N, C, S, S), and the files that turned out broken.

    The rows of broken files are left as they are; no entry asks for them.
    """
    shape = (images.channels, images.stored, images.stored)
    pixels = torch.zeros(len(images), *shape, dtype=torch.uint8)
    whole = Split(images, torch.zeros(len(images), dtype=torch.int64), names)
    lost: list[Broken] = []
    with progress("Decoding the images", len(images)) as advance:
        for batch in batches(
            whole,
            torch.arange(len(images)),
            batch_size=max(1, min(1000, _CHUNK_BYTES // pixels[0].numel())),
            device="cpu",
            workers=workers,
        ):
            pixels[batch.indices] = batch.images
            lost += batch.broken
            advance(len(batch.indices) + len(batch.broken))
    return pixels, lost
