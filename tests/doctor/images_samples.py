"""Digits as the doctor gets them, and ways to spoil them."""

from collections.abc import Callable
from dataclasses import replace
from functools import cache

import torch
from torch import Tensor, nn

import plusx
from plusx.data import open_data
from plusx.doctor import Check, Finding, Material, Patient, Raw
from plusx.doctor.budget import Budget
from plusx.doctor.check import ask
from plusx.doctor.given import material_for
from plusx.doctor.images import CHECKS

__all__ = ["asked", "causes", "digits", "generator", "noisy", "pairs", "relabelled", "shuffled"]


@cache
def digits() -> Material:
    return material_for(network(), open_data("digits"))


@cache
def network(channels: int = 1) -> nn.Module:
    torch.manual_seed(0)
    return plusx.create("resnet8", num_classes=10, in_channels=channels)


def asked(
    material: object, *names: str, model: nn.Module | None = None, seconds: float = 60
) -> list[Finding]:
    """Ask the checks of these names, or all, about material."""
    given = material_for(network(), material) if not isinstance(material, Material) else material
    channels = given.x.shape[1]
    patient = Patient(model or network(channels), given, budget=Budget(seconds))
    found = [each for check in wanted(names) for each in ask(check, patient)]
    assert not [f for f in found if "failed" in f.figure], found
    return [each for each in found if isinstance(each, Finding)]


def wanted(names: tuple[str, ...]) -> list[Check]:
    known = {check.name.removeprefix("images."): check for check in CHECKS}
    return [known[name] for name in names] if names else list(CHECKS)


def causes(found: list[Finding]) -> dict[str, str]:
    """Return the troubles: {cause: verdict}."""
    return {f.cause: f.verdict for f in found if f.verdict in ("wrong", "warning")}


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def shuffled(labels: Tensor) -> Tensor:
    return labels[torch.randperm(len(labels), generator=generator(3))]


def noisy(share: float, *, classes: int = 10) -> Callable[[Tensor], Tensor]:
    """Give a share of the labels another class."""

    def noise(labels: Tensor) -> Tensor:
        hit = torch.rand(len(labels), generator=generator(4)) < share
        others = torch.randint(1, classes, (len(labels),), generator=generator(5))
        return torch.where(hit, (labels + others) % classes, labels)

    return noise


def relabelled(raw: Raw | None, change: Callable[[Tensor], Tensor]) -> Raw:
    assert raw is not None
    return replace(raw, labels=change(raw.labels))


def pairs(material: Material, change: Callable[[Tensor], Tensor]) -> tuple[Tensor, Tensor]:
    assert material.y is not None
    return material.x, change(material.y)
