"""A data set that is open: three splits of images, in memory or on disk."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from io import BytesIO
from typing import BinaryIO, NamedTuple, Protocol

import torch

from plusx.data.boxes import Floats
from plusx.data.crop import decode_crop
from plusx.data.decode import decode, reading
from plusx.data.folder import Files
from plusx.data.parallel import Pool
from plusx.data.policy import Policy
from plusx.data.spec import InputSpec

__all__ = ["Broken", "Chunks", "Data", "Encoded", "Images", "InMemory", "OnDisk", "Split"]


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


class Chunks(NamedTuple):
    """Which images lie together: `of` int64 (N,), and over how many images to shuffle."""

    of: torch.Tensor
    window: int


class Encoded(ABC):
    """Images that are decoded each time they are read; picklable, for worker processes."""

    channels: int
    stored: int

    @abstractmethod
    def __len__(self) -> int: ...

    @abstractmethod
    def open(self, index: int) -> BinaryIO:
        """Open one encoded image."""

    def chunks(self) -> Chunks | None:
        """Return which images lie together, where reading them in another order is slow."""
        return None

    def read(self, index: int) -> torch.Tensor:
        """Decode one image whole, (channels, stored, stored); raises BrokenImage."""
        with reading():
            return torch.from_numpy(
                decode(self._whole(index), channels=self.channels, side=self.stored)
            )

    def crop(
        self, index: int, *, policy: Policy, size: int, crop: Floats, mirrored: bool
    ) -> torch.Tensor:
        """Decode a drawn crop of one image, (channels, size, size); raises BrokenImage."""
        with reading():
            return decode_crop(
                self._whole(index),
                channels=self.channels,
                size=size,
                policy=policy,
                crop=crop,
                mirrored=mirrored,
            )

    def _whole(self, index: int) -> BinaryIO:
        """Read one encoded image at once: in many small steps it takes a tenth of the decoding."""
        with self.open(index) as file:
            return BytesIO(file.read())


@dataclass(frozen=True)
class OnDisk(Encoded):
    """Files that are decoded each time they are read."""

    files: Files
    names: Sequence[str]
    channels: int
    stored: int

    def __len__(self) -> int:
        return len(self.names)

    def open(self, index: int) -> BinaryIO:
        """Open one file."""
        return self.files.open(self.names[index])


@dataclass(frozen=True)
class Split:
    """Labelled images: labels int64 (N,), names as they stand in the source.

    `pool` are the processes that decode them, if any: they stay from epoch to epoch.
    """

    images: Images
    labels: torch.Tensor
    names: Sequence[str]
    pool: Pool = field(init=False, repr=False, compare=False, default_factory=Pool)

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
    Each note is one plain sentence. `sizes` tells of each (width, height) that image files have how
    many have it, and the first of them; nothing where the set is not one of image files.
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
    sizes: Mapping[tuple[int, int], tuple[int, str]] = field(default_factory=dict)

    @property
    def in_memory(self) -> bool:
        """Whether the images are in memory: what a run has to keep to, to go on as it began.

        Random crops of photos are cut from the stored image there, else from the file.
        """
        return isinstance(self.train.images, InMemory)
