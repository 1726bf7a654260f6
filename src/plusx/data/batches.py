"""Batches of a split, in the order that the caller gives."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

import torch

from plusx.data.dataset import Broken, Images, InMemory, Split
from plusx.data.decode import BrokenImage
from plusx.data.parallel import mapped
from plusx.errors import InputError

__all__ = ["Batch", "batches"]

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
) -> Iterator[Batch]:
    """Yield the images of `split` in `order` (int64, any subset), from batch `start` on.

    The last batch may be smaller. An image whose file has become unreadable is left out of its
    batch and named there; a batch of which nothing is left is left out, and its names pass to
    another. Raises InputError where not one image could be read.
    """
    chunks = list(order.cpu().split(batch_size))[start:] if len(order) else []
    images = split.images
    if isinstance(images, InMemory):
        for chunk in chunks:
            here, there = chunk.to(images.pixels.device), chunk.to(split.labels.device)
            yield Batch(
                images.pixels.index_select(0, here).to(device),
                split.labels.index_select(0, there).to(device),
                chunk,
            )
        return
    read = mapped(_Reader(images).read, [chunk.tolist() for chunk in chunks], workers=workers)
    yield from _without_empty(_from_disk(split, read, device))


@dataclass(frozen=True)
class _Reader:
    images: Images

    def read(self, indices: Sequence[int]) -> Read:
        """Read images (N, C, S, S); return also their indices, and (index, reason) of others."""
        good, kept, broken = [], [], []
        for index in indices:
            try:
                good.append(self.images.read(index))
                kept.append(index)
            except BrokenImage as error:
                broken.append((index, str(error)))
        return torch.stack(good) if good else torch.empty(0, dtype=torch.uint8), kept, broken


def _from_disk(split: Split, read: Iterable[Read], device: torch.device | str) -> Iterator[Batch]:
    for pixels, kept, broken in read:
        indices = torch.tensor(kept, dtype=torch.int64)
        yield Batch(
            pixels.to(device),
            split.labels.index_select(0, indices.to(split.labels.device)).to(device),
            indices,
            tuple(Broken(split.names[index], reason) for index, reason in broken),
        )


def _without_empty(found: Iterable[Batch]) -> Iterator[Batch]:
    """Hold one batch back, so that there is always one to carry an empty batch's names."""
    held: Batch | None = None
    lost: tuple[Broken, ...] = ()
    for batch in found:
        if len(batch.indices) == 0:
            lost += batch.broken
            continue
        if held is not None:
            yield held
        held, lost = replace(batch, broken=lost + batch.broken), ()
    if held is not None:
        yield replace(held, broken=held.broken + lost)
    elif lost:
        raise InputError(
            f"none of {len(lost)} images can be read any more ({lost[0].name}: "
            f"{lost[0].reason}), expected the files as they were when the data set was opened; "
            "see whether the folder or drive is still there"
        )
