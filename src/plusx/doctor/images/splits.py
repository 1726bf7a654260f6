"""The labelled images that there are, split by split."""

from dataclasses import dataclass

import torch
from torch import Tensor

from plusx.doctor.finding import NotApplicable
from plusx.doctor.material import Material, Raw

__all__ = ["GIVEN", "TRAINING", "Labelled", "inputs", "labelled", "raw_splits", "training"]

TRAINING = "training"
GIVEN = "the network's input"


@dataclass(frozen=True, eq=False)
class Labelled:
    """Images (N, C, H, W) as bytes or numbers, or vectors (N, D), in their order, with labels."""

    where: str
    images: Tensor
    labels: Tensor
    names: tuple[str, ...]

    def name(self, index: int) -> str:
        """Return what an image is called, or its number."""
        return self.names[index] if self.names else f"{self.where} {index}"


def raw_splits(material: Material) -> dict[str, Raw]:
    """Return the stored splits that there are, the training split first."""
    found = {TRAINING: material.train, "validation": material.val, "test": material.test}
    return {where: raw for where, raw in found.items() if raw is not None and len(raw.labels)}


def labelled(material: Material) -> list[Labelled]:
    """Return all labelled images, those to learn from first; `NotApplicable` without any."""
    _need_real(material)
    found = [
        Labelled(where, raw.images, raw.labels, raw.names)
        for where, raw in raw_splits(material).items()
    ]
    given = ((GIVEN, material.x, material.y), ("test input", material.test_x, material.test_y))
    found += [
        Labelled(where, x.detach().cpu().float(), y.cpu(), ())
        for where, x, y in given
        if x is not None and y is not None and _classifies(x, y)
    ]
    if not found:
        raise NotApplicable("there are no images with labels")
    return found


def training(material: Material) -> Labelled:
    """Return what the network learns from."""
    return labelled(material)[0]


def inputs(material: Material) -> Tensor:
    """Return what the network gets, as numbers; `NotApplicable` where it is made up or tokens."""
    _need_real(material)
    if not material.x.is_floating_point():
        raise NotApplicable("the input is tokens, not numbers")
    return material.x.detach().float()


def _need_real(material: Material) -> None:
    if not material.real:
        raise NotApplicable("no images were given")


def _classifies(x: Tensor, y: Tensor) -> bool:
    """Whether these are numbers with one class each."""
    whole = y.dim() == 1 and not y.is_floating_point() and y.dtype != torch.bool
    return whole and len(y) == len(x) and x.is_floating_point() and bool((y >= 0).all())
