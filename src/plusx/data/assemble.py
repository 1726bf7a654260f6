"""The last step of every reader: entries and their images become a data set."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b

import torch

from plusx.data.batches import batches
from plusx.data.dataset import Broken, Data, Encoded, Images, InMemory, Split
from plusx.data.measure import mean_and_std
from plusx.data.order import near
from plusx.data.policy import MANY, policy_for
from plusx.data.progress import Progress
from plusx.data.spec import InputSpec, stored_for
from plusx.data.split import PARTS, Entry
from plusx.errors import InputError

__all__ = ["Found", "Select", "assemble", "select_from"]

Select = Callable[[Sequence[Entry]], Images]
"""Gives the images of some entries."""

_SAMPLE = 1000


@dataclass(frozen=True)
class Found:
    """What a reader found: classes, which splits it was given, and what it has to tell."""

    name: str
    where: str
    classes: tuple[str, ...]
    channels: int
    size: int
    given: tuple[str, ...]
    broken: tuple[Broken, ...]
    notes: tuple[str, ...]
    workers: int
    sizes: Mapping[tuple[int, int], tuple[int, str]] = field(default_factory=dict)


def assemble(
    found: Found, parts: Mapping[str, Sequence[Entry]], images: Select, *, progress: Progress
) -> Data:
    """Put a data set together.

    Raises InputError where there is one class only, or a class or split without images.
    """
    _check(found, parts)
    splits = {part: _split(parts[part], images) for part in PARTS}
    mean, std = mean_and_std(_pixels(splits["train"], found.workers, progress))
    spec = InputSpec(found.classes, found.channels, found.size, stored_for(found.size), mean, std)
    policy = policy_for(spec, count=len(splits["train"]))
    notes = (
        f"{len(found.classes)} classes, {'grey' if spec.channels == 1 else 'colour'} images.",
        *found.notes,
        _splits_note(splits, found.given),
        *([f"Left out {len(found.broken)} file(s) that cannot be read."] if found.broken else []),
        _place_note(splits["train"], found.workers),
        f"Augmentation: {policy}{_why(spec, len(splits['train']))}.",
    )
    return Data(
        name=found.name,
        input=spec,
        policy=policy,
        train=splits["train"],
        val=splits["val"],
        test=splits["test"],
        broken=found.broken,
        notes=notes,
        workers=found.workers,
        sizes=found.sizes,
    )


def select_from(pixels: torch.Tensor, names: Sequence[str]) -> Select:
    """Return what gives entries their rows of `pixels`, whose rows are called `names`."""
    row = {name: at for at, name in enumerate(names)}

    def images(entries: Sequence[Entry]) -> InMemory:
        indices = [row[entry.name] for entry in entries]
        if indices == list(range(indices[0], indices[0] + len(indices))):
            return InMemory(pixels.narrow(0, indices[0], len(indices)))  # a view, no copy
        return InMemory(pixels.index_select(0, torch.tensor(indices)))

    return images


def _check(found: Found, parts: Mapping[str, Sequence[Entry]]) -> None:
    if len(found.classes) < 2:
        raise InputError(
            f"{found.where} has one class only ({found.classes[0]!r}), expected two or more to "
            "tell apart; add a class, if only one called 'other'"
        )
    trained = {entry.label for entry in parts["train"]}
    for label, name in enumerate(found.classes):
        if label not in trained:
            raise InputError(
                f"{found.where}: class {name!r} has no readable image in train, expected at "
                "least one; add images or leave the class out"
            )
    for part in PARTS:
        if not parts[part]:
            raise InputError(
                f"{found.where}: {part} has no readable image, expected at least one; "
                "leave the split out, and it is made from train"
            )


def _split(entries: Sequence[Entry], images: Select) -> Split:
    labels = torch.tensor([entry.label for entry in entries], dtype=torch.int64)
    return Split(images(entries), labels, tuple(entry.name for entry in entries))


def _pixels(split: Split, workers: int, progress: Progress) -> Iterator[torch.Tensor]:
    """Yield the pixels to measure: all that are in memory, or those of the lowest name hashes."""
    if isinstance(split.images, InMemory):
        yield split.images.pixels
        return
    sample = _sample(split)
    with progress("Measuring the images", len(sample)) as advance:
        for batch in batches(split, sample, batch_size=20, device="cpu", workers=workers):
            yield batch.images
            advance(len(batch.indices) + len(batch.broken))


def _sample(split: Split) -> torch.Tensor:
    """Return places of the lowest name hashes, or, where images lie in shards, of a few pieces."""
    chunks = split.images.chunks() if isinstance(split.images, Encoded) else None
    if chunks is not None:
        return near(chunks, _SAMPLE)
    order = sorted(range(len(split)), key=lambda at: blake2b(split.names[at].encode()).digest())
    return torch.tensor(order[:_SAMPLE])


def _why(spec: InputSpec, count: int) -> str:
    """Say in half a sentence why photos are cropped as they are."""
    if spec.stored == spec.size:
        return ""
    if count >= MANY:
        return f" (usual for {MANY:,} training images and more)"
    return (
        f" (8% to 100% is usual from {MANY:,} training images on; with fewer, crops that small "
        "too often miss what they are named for)"
    )


def _splits_note(splits: Mapping[str, Split], given: Sequence[str]) -> str:
    counts = ", ".join(f"{len(splits[part])} {part}" for part in PARTS)
    made = [part for part in PARTS if part not in given]
    how = f"{' and '.join(made)} chosen by a hash of the name" if made else "as given"
    return f"Splits: {counts} ({how})."


def _place_note(train: Split, workers: int) -> str:
    if isinstance(train.images, InMemory):
        return "The images are kept in memory."
    measured = min(_SAMPLE, len(train))
    return (
        f"The images are read from disk as they are needed, by {workers} worker process(es); "
        f"mean and deviation are those of {measured} training images."
    )
