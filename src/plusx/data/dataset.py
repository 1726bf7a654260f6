"""A data set that is open: three splits of images, in memory or on disk."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import torch

from plusx.data.decode import decode, reading
from plusx.data.folder import Files
from plusx.data.policy import Policy
from plusx.data.spec import InputSpec

__all__ = ["Broken", "Data", "Images", "InMemory", "OnDisk", "Split"]


@dataclass(frozen=True)
class Broken:
    """A file that was left out, and why."""

    name: str
    reason: str


class Images(Protocol):
    """Images to read by number, uint8 (channels, stored, stored)."""

    def __len__(self) -> int: ...

    def read(self, index: int) -> torch.Tensor:
        """Return one image; raises BrokenImage where its file cannot be read (any more)."""


@dataclass(frozen=True)
class InMemory:
    """Images as one tensor, uint8 (N, channels, stored, stored), on any device."""

    pixels: torch.Tensor

    def __len__(self) -> int:
        return len(self.pixels)

    def read(self, index: int) -> torch.Tensor:
        """Return one image."""
        return self.pixels[index]


@dataclass(frozen=True)
class OnDisk:
    """Images that are decoded each time they are read."""

    files: Files
    names: Sequence[str]
    channels: int
    stored: int

    def __len__(self) -> int:
        return len(self.names)

    def read(self, index: int) -> torch.Tensor:
        """Decode one image; raises BrokenImage."""
        with reading(), self.files.open(self.names[index]) as file:
            return torch.from_numpy(decode(file, channels=self.channels, side=self.stored))


@dataclass(frozen=True)
class Split:
    """Labelled images: labels int64 (N,), names as they stand in the source."""

    images: Images
    labels: torch.Tensor
    names: Sequence[str]

    def __len__(self) -> int:
        return len(self.names)

    def to(self, device: torch.device | str) -> "Split":
        """Return the split with its pixels (where they are in memory) and labels on `device`."""
        images = self.images
        if isinstance(images, InMemory):
            images = InMemory(images.pixels.to(device))
        return replace(self, images=images, labels=self.labels.to(device))


@dataclass(frozen=True)
class Data:
    """A data set: its input, its augmentation, its splits, and what was found and chosen.

    `workers` is how many processes should read batches (0 where the images are in memory).
    Each note is one plain sentence.
    """

    name: str
    input: InputSpec
    policy: Policy
    train: Split
    val: Split
    test: Split
    broken: tuple[Broken, ...]
    notes: tuple[str, ...]
    workers: int
