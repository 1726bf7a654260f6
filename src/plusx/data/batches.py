"""Batches of a split, in the order that the caller gives: whole, or one process's share of each."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import overload

import numpy as np
import numpy.typing as npt
import torch
from torch.utils.data import default_collate

from plusx.data.augment import seen
from plusx.data.boxes import Floats
from plusx.data.dataset import Broken, Encoded, InMemory, Split
from plusx.data.decode import BrokenImage
from plusx.data.policy import Policy
from plusx.data.shares import Share, Views, shares_of
from plusx.errors import InputError

__all__ = ["Batch", "Views", "batches"]

Request = tuple[list[int], Floats, npt.NDArray[np.bool_]]
Read = tuple[torch.Tensor, list[int], list[tuple[int, str]]]


@dataclass(frozen=True)
class Batch:
    """uint8 images (B, C, S, S), int64 labels (B,), and their places in the split (B,), on the CPU.

    `broken` names the files that should be in the batch and could not be read any more.
    """

    images: torch.Tensor
    labels: torch.Tensor
    indices: torch.Tensor
    broken: tuple[Broken, ...] = ()


def batches(
    split: Split,
    order: torch.Tensor,
    *,
    batch_size: int,
    device: torch.device | str,
    workers: int = 0,
    start: int = 0,
    rank: int = 0,
    world: int = 1,
    views: Views | None = None,
) -> Iterator[Batch]:
    """Yield the images of `split` in `order` (int64, any subset), from batch `start` on.

    Images are as stored, or, with `views`, as training sees them, (B, C, size, size). The last
    batch may be smaller. Of every batch, process `rank` of `world` gets its block: the first
    gets the first B / world images, and so on; images and their views are those that one process
    alone would have in these rows. Nothing before `start` is read.

    An image whose file has become unreadable is left out of its batch and named there; a batch of
    which nothing is left is left out, and its names pass to another. Raises InputError where not
    one image could be read, and where `world` does not divide a batch.
    """
    shares = shares_of(order.cpu(), batch_size, start=start, rank=rank, world=world)
    images = split.images
    if isinstance(images, InMemory):
        return _from_memory(images, split.labels, shares, device, views)
    assert isinstance(images, Encoded), "images are in memory or encoded"
    found = _from_disk(images, split, shares, device, workers=workers, views=views)
    return _without_empty(found, alone=world == 1)


def _from_memory(
    images: InMemory,
    labels: torch.Tensor,
    shares: Sequence[Share],
    device: torch.device | str,
    views: Views | None,
) -> Iterator[Batch]:
    for share in shares:
        here, there = share.indices.to(images.pixels.device), share.indices.to(labels.device)
        pixels = images.pixels.index_select(0, here).to(device)
        if views is not None:
            draws = share.draws(views, pixels.shape[-1])
            pixels = seen(pixels, draws, views.policy, size=views.size)
        yield Batch(pixels, labels.index_select(0, there).to(device), share.indices)


def _from_disk(
    images: Encoded,
    split: Split,
    shares: Sequence[Share],
    device: torch.device | str,
    *,
    workers: int,
    views: Views | None,
) -> Iterator[Batch]:
    """Decode in workers, crops of a share of the area at once; other views on the device."""
    cropped = views if views is not None and views.policy.area is not None else None
    how = (cropped.policy, cropped.size) if cropped else (None, 0)
    reader = _Reader(images, *how)
    requests = _Requests(shares, images.stored, cropped)
    pinned = torch.device(device).type == "cuda"
    read = split.pool.mapped(reader.read, requests, key=how, workers=workers, pinned=pinned)
    for share, (pixels, kept, broken) in zip(shares, read, strict=True):
        places = torch.tensor(kept, dtype=torch.int64)
        indices = share.indices[places]
        pixels = pixels.to(device, non_blocking=pinned)
        if views is not None and not cropped and kept:
            draws = share.draws(views, images.stored).rows(places)
            pixels = seen(pixels, draws, views.policy, size=views.size)
        yield Batch(
            pixels,
            split.labels.index_select(0, indices.to(split.labels.device)).to(device),
            indices,
            tuple(Broken(split.names[int(share.indices[at])], reason) for at, reason in broken),
        )


@dataclass(frozen=True)
class _Requests(Sequence[Request]):
    """What the workers are asked, drawn as they ask: numbers of images, crops, mirrors."""

    shares: Sequence[Share]
    stored: int
    views: Views | None

    def __len__(self) -> int:
        return len(self.shares)

    @overload
    def __getitem__(self, at: int) -> Request: ...
    @overload
    def __getitem__(self, at: slice) -> list[Request]: ...
    def __getitem__(self, at: int | slice) -> Request | list[Request]:
        if isinstance(at, slice):
            return [self[one] for one in range(*at.indices(len(self)))]
        share = self.shares[at]
        indices = share.indices.tolist()
        if self.views is None:
            return indices, np.empty((len(indices), 0)), np.zeros(len(indices), dtype=bool)
        draws = share.draws(self.views, self.stored)
        return indices, draws.crops.numpy(), draws.mirrored.cpu().numpy()


@dataclass(frozen=True)
class _Reader:
    images: Encoded
    policy: Policy | None
    size: int

    def read(self, request: Request) -> Read:
        """Read images (N, C, S, S); return also their places, and (place, reason) of others."""
        good, kept, broken = [], [], []
        for at, (index, crop, mirrored) in enumerate(zip(*request, strict=True)):
            try:
                good.append(self._one(index, crop, bool(mirrored)))
                kept.append(at)
            except BrokenImage as error:
                broken.append((at, str(error)))
        if not good:
            return torch.empty(0, dtype=torch.uint8), kept, broken
        # in a worker it stacks straight into memory that the other process sees
        pixels: torch.Tensor = default_collate(good)
        return pixels, kept, broken

    def _one(self, index: int, crop: Floats, mirrored: bool) -> torch.Tensor:
        if self.policy is None:
            return self.images.read(index)
        return self.images.crop(
            index, policy=self.policy, size=self.size, crop=crop, mirrored=mirrored
        )


def _without_empty(found: Iterable[Batch], *, alone: bool) -> Iterator[Batch]:
    """Hold one batch back: there is always one to carry an empty batch's names.

    It also puts the next batch's copy to a GPU on its way before this one is worked on. One of
    several processes may not leave a batch out: the others would wait for it for ever.
    """
    held: Batch | None = None
    lost: tuple[Broken, ...] = ()
    for batch in found:
        if len(batch.indices) == 0:
            lost += batch.broken
            if not alone:
                raise _unreadable(lost)
            continue
        if held is not None:
            yield held
        held, lost = replace(batch, broken=lost + batch.broken), ()
    if held is not None:
        yield replace(held, broken=held.broken + lost)
    elif lost:
        raise _unreadable(lost)


def _unreadable(lost: Sequence[Broken]) -> InputError:
    return InputError(
        f"none of {len(lost)} images can be read any more ({lost[0].name}: "
        f"{lost[0].reason}), expected the files as they were when the data set was opened; "
        "see whether the folder or drive is still there"
    )
