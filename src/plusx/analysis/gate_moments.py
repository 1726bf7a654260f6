"""Moments: counts, sums and squares by class of what comes in batches."""

from dataclasses import dataclass
from typing import final

import torch
from torch import Tensor, nn

from plusx.analysis.gated_pass import GatedPass, seeing
from plusx.analysis.gates import Gate, found_gates, named
from plusx.analysis.labels import known
from plusx.errors import InputError

__all__ = ["Moments", "batches", "moments", "moments_in", "shared_out"]


@final
@dataclass(eq=False)
class Moments:
    """Of N values in K classes, element by element, in float64: count (K,), sums (K, ...).

    `squares` (...) is the sum over all of (value - first)^2 and the sums are of value - first, so
    that little varies little: a mean far from 0 does not eat the digits.
    """

    classes: int
    count: Tensor
    first: Tensor | None = None
    sums: Tensor | None = None
    squares: Tensor | None = None

    @classmethod
    def of(cls, classes: int) -> "Moments":
        """Return those of nothing."""
        return cls(classes, torch.zeros(classes, dtype=torch.float64))

    def add(self, values: Tensor, labels: Tensor) -> None:
        """Take in values (B, ...) of the classes `labels` (B,)."""
        values = values.detach().double().cpu()
        if len(values) != len(labels):
            raise InputError(
                f"weights come in {len(values)} rows for {len(labels)} images, expected one an "
                "image: a gate of groups or windows that lie among the images cannot be measured"
            )
        if self.first is None:
            self.first = values[0].clone()
            self.sums = torch.zeros(self.classes, *values.shape[1:], dtype=torch.float64)
            self.squares = torch.zeros_like(self.first)
        apart = values - self.first
        assert self.sums is not None and self.squares is not None
        self.sums.index_add_(0, labels.cpu(), apart)
        self.squares += (apart**2).sum(0)
        self.count += torch.bincount(labels.cpu(), minlength=self.classes)

    @property
    def total(self) -> float:
        """How many values."""
        return float(self.count.sum())

    @property
    def mean(self) -> Tensor:
        """Over all values: (...)."""
        assert self.first is not None and self.sums is not None
        return self.first + self.sums.sum(0) / self.total

    @property
    def by_class(self) -> Tensor:
        """The mean of each class, (K, ...); NaN for a class that did not come."""
        assert self.first is not None and self.sums is not None
        return self.first + self.sums / _beside(self.count, self.sums)

    @property
    def variance(self) -> Tensor:
        """Over all values: (...), divided by their count."""
        assert self.sums is not None and self.squares is not None
        apart = self.sums.sum(0) / self.total
        return (self.squares / self.total - apart**2).clamp(min=0)

    @property
    def between(self) -> Tensor:
        """The part of `variance` that is of the means of the classes: (...)."""
        assert self.sums is not None
        came = self.count > 0
        means = self.sums[came] / _beside(self.count[came], self.sums)
        apart = means - self.sums.sum(0) / self.total
        return (_beside(self.count[came], self.sums) * apart**2).sum(0) / self.total


def _beside(count: Tensor, like: Tensor) -> Tensor:
    return count.view(-1, *(1,) * (like.dim() - 1))


def batches(images: Tensor, labels: Tensor, batch: int) -> list[tuple[Tensor, Tensor]]:
    """Cut images (N, ...) and their labels (N,) into batches; what does not fit is refused."""
    if len(images) != len(labels) or not len(images) or labels.dim() != 1:
        raise InputError(
            f"{len(images)} images have labels {tuple(labels.shape)}, expected ({len(images)},) "
            "and at least one: give one class number for each image"
        )
    if batch < 1:
        raise InputError(f"a batch is {batch}, expected at least 1 image")
    return list(zip(images.split(batch), known(labels).split(batch), strict=True))


def moments_in(
    passes: GatedPass, images: Tensor, labels: Tensor, *, batch: int
) -> tuple[list[Gate], dict[str, Moments]]:
    """Run all images and return the gates with the moments of their weights."""
    cut = batches(images, labels, batch)
    found = found_gates(passes, images)
    named(found, found[0].name if found else None)  # refuses a network without a gate
    classes = int(labels.max()) + 1
    seen = {gate.name: Moments.of(classes) for gate in found}
    for x, y in cut:
        for name, weights in passes(x).weights.items():
            seen[name].add(weights, y)
    return found, seen


def moments(
    model: nn.Module, images: Tensor, labels: Tensor, *, batch: int = 64
) -> tuple[list[Gate], dict[str, Moments]]:
    """Measure the weights of every gate over images (N, ...), in evaluation mode."""
    with seeing(model) as passes, torch.no_grad():
        return moments_in(passes, images, labels, batch=batch)


def shared_out(seen: Moments) -> float:
    """Return the share of the variance that lies between the classes, 0 where nothing varies.

    Fisher's eta squared, one for all elements of the weights: their variances are added up.
    """
    whole = float(seen.variance.sum())
    # what is left of equal float32 numbers after rounding is no variation
    scale = float((seen.mean**2).sum())
    return float(seen.between.sum()) / whole if whole > 1e-12 * scale else 0.0
