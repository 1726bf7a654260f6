"""A data set that is open, as material: some of its images as they are stored, and as seen."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial

import torch
from torch import Generator, Tensor

from plusx.data import Data, Encoded, Split, augment, batches, centre, normalise
from plusx.doctor.material import Material, Raw

__all__ = ["of_data"]

SEEN_BYTES = 100_000_000
MOST = 5_000
BYTES = 200_000_000
DECODED = 256
"""Images as the network sees them: of so many bytes. Stored images that are kept of a split: so
many, of so many bytes at most; and of those to be decoded first, some milliseconds each, so many.
"""


def of_data(
    data: Data,
    *,
    count: int,
    decoded: int = DECODED,
    augmented: Callable[[Tensor, Generator], Tensor] | None = None,
) -> Material:
    """Take `count` images of the training split as the network sees them, and of the test split.

    `decoded` images of a split are read where they are not in memory; `augmented` says what
    training does to stored images, by itself the data's own crops.
    """
    raws = {name: _raw(data, split, decoded) for name, split in _splits(data).items()}
    count = max(64, min(count, SEEN_BYTES // (4 * data.input.channels * data.input.size**2)))
    x, y = _seen(data, raws["train"], count)
    test_x, test_y = _seen(data, raws["test"], count) if "test" in raws else (None, None)
    return Material(
        x=x,
        y=y,
        test_x=test_x,
        test_y=test_y,
        train=raws["train"],
        val=raws.get("val"),
        test=raws.get("test"),
        spec=data.input,
        augment=augmented or partial(_cropped, data),
        notes=data.notes,
        remarks=_broken(data),
        sizes=data.sizes,
        samples=len(data.train),
    )


def _broken(data: Data) -> tuple[str, ...]:
    if not data.broken:
        return ()
    first, count = data.broken[0], len(data.broken)
    more = f" and {count - 1} more" if count > 1 else ""
    return (f"Left out what cannot be read: {first.name} ({first.reason}){more}.",)


def _splits(data: Data) -> dict[str, Split]:
    found = {"train": data.train, "val": data.val, "test": data.test}
    return {name: split for name, split in found.items() if len(split)}


def _raw(data: Data, split: Split, decoded: int) -> Raw:
    """Read a part of a split, in its order; what cannot be read is left out."""
    each = data.input.channels * data.input.stored**2
    most = decoded if isinstance(split.images, Encoded) else MOST
    count = max(1, min(len(split), most, BYTES // each))
    generator = torch.Generator().manual_seed(0)
    order = torch.randperm(len(split), generator=generator)[:count].sort().values
    split = replace(split)  # with processes of its own, which are none
    read = list(batches(split, order, batch_size=256, device="cpu"))
    places = torch.cat([batch.indices for batch in read]).tolist()
    return Raw(
        images=torch.cat([batch.images for batch in read]).cpu(),
        labels=torch.cat([batch.labels for batch in read]).cpu(),
        names=tuple(split.names[place] for place in places),
    )


def _seen(data: Data, raw: Raw, count: int) -> tuple[Tensor, Tensor]:
    """Return some of the images as the network sees them in evaluation, with their labels."""
    order = torch.randperm(len(raw.labels), generator=torch.Generator().manual_seed(0))[:count]
    stored = centre(raw.images[order], data.input.size)
    return normalise(stored, data.input).contiguous(), raw.labels[order]


def _cropped(data: Data, images: Tensor, generator: Generator) -> Tensor:
    return augment(images, data.policy, size=data.input.size, generator=generator)
