"""Material: the images and labels that a network is examined with."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import torch
from torch import Generator, Tensor

from plusx.data import InputSpec

__all__ = ["Material", "Raw"]


@dataclass(frozen=True, eq=False)
class Raw:
    """Images as they are stored, uint8 (N, C, H, W), with labels int64 (N,) and their names."""

    images: Tensor
    labels: Tensor
    names: tuple[str, ...]


@dataclass(frozen=True, kw_only=True, eq=False)
class Material:
    """What there is to look with: `x` (N, ...) as the network takes it, `y` (N, ...) its targets.

    `labels` are the targets where these are classes, int64 (N,). `context` are further arguments of
    forward, if it takes some, that belong to just these x. Where nothing was given, x is made up
    (`real` is False) and no check judges what a network makes of it. `test_x`, `test_y` are of
    the test split; `train`, `val` and `test` are the stored images (a part of large sets).
    `augment(images, generator)` turns stored images into those that training sees, uint8.
    `sizes` is that of `Data`.
    """

    x: Tensor
    y: Tensor | None
    context: tuple[object, ...] = ()
    real: bool = True
    test_x: Tensor | None = None
    test_y: Tensor | None = None
    train: Raw | None = None
    val: Raw | None = None
    test: Raw | None = None
    spec: InputSpec | None = None
    augment: Callable[[Tensor, Generator], Tensor] | None = None
    notes: tuple[str, ...] = ()
    remarks: tuple[str, ...] = ()  # notes that narrow what can be said
    sizes: Mapping[tuple[int, int], tuple[int, str]] = field(default_factory=dict)
    samples: int | None = None  # training images in all, where that is known
    by_class: bool | None = None  # a loader gives class after class; None where there is no loader

    @property
    def labels(self) -> Tensor | None:
        """The targets where they are classes of whole inputs, else None."""
        y = self.y
        return y if y is not None and y.dim() == 1 and y.dtype == torch.int64 else None
