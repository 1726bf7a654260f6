"""Passes through the network that can be compared: of few images, with the same random numbers."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields, is_dataclass

import torch
from torch import Tensor, nn

from plusx.doctor.finding import NotApplicable
from plusx.doctor.mode import evaluating
from plusx.doctor.patient import Patient

__all__ = [
    "distance",
    "evaluated",
    "evaluates_the_same",
    "few",
    "follows",
    "outputs",
    "passed",
    "stirred",
    "tensors",
]

SMALL, LARGE = 1024, 3 * 128 * 128
"""Numbers in an input: up to there a pass costs next to nothing, and from there on seconds."""
DEPTH = 5
"""Outputs within outputs; an object may hold itself."""


def few(patient: Patient) -> Tensor:
    """Return inputs that are enough to see what is connected with what: 16, 4, of large ones 2."""
    if patient.material.context:  # it belongs to just these
        return patient.x
    size = patient.x[0].numel()
    return patient.x[: 16 if size <= SMALL else 4 if size < LARGE else 2]


def tensors(y: object, depth: int = DEPTH) -> Iterator[Tensor]:
    """Yield the tensors of floating numbers that a forward gives, in whatever they are packed."""
    if isinstance(y, Tensor):
        if y.is_floating_point():
            yield y
    elif depth:
        for value in _inside(y):
            yield from tensors(value, depth - 1)


def _inside(y: object) -> Sequence[object]:
    """Return what a container holds; of a dataclass or another object its attributes."""
    if isinstance(y, Mapping):
        return list(y.values())
    if isinstance(y, Sequence):
        return () if isinstance(y, str | bytes) else y
    if is_dataclass(y):
        return [getattr(y, field.name) for field in fields(y)]
    return () if isinstance(y, nn.Module | type) else list(getattr(y, "__dict__", {}).values())


def outputs(patient: Patient, model: nn.Module, x: Tensor) -> list[Tensor]:
    """Run a copy in the mode that it has, without gradients; all its outputs, as float.

    The random numbers are the same each time.
    """
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        torch.manual_seed(0)
        y = model(x, *patient.context(x))
        return [each.float() for each in tensors(y)] or [patient.first(y).float()]


def passed(patient: Patient, model: nn.Module, x: Tensor) -> Tensor:
    """Run a copy in the mode that it has, without gradients; its first output, as float.

    The random numbers are the same each time: what still differs has another reason.
    """
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        torch.manual_seed(0)
        return patient.logits(model, x).float()


def evaluated(patient: Patient, model: nn.Module, x: Tensor) -> Tensor:
    """Run a copy in evaluation mode, as `passed` does."""
    with evaluating(model):
        return passed(patient, model, x)


def distance(y: Tensor, z: Tensor) -> float:
    """Return max |y - z| / rms(z); raises `NotApplicable` where one of them is not finite."""
    if y.shape != z.shape:
        raise NotApplicable(f"outputs of {tuple(y.shape)} and {tuple(z.shape)} do not compare")
    if not (y.isfinite().all() and z.isfinite().all()):
        raise NotApplicable("the output is not finite")
    if y.numel() == 0:
        raise NotApplicable("the output is empty")
    scale = z.double().square().mean().sqrt().clamp_min(1e-30)
    return float((y.double() - z.double()).abs().max() / scale)


def follows(x: Tensor, y: Tensor) -> bool:
    """Say whether x was computed from y, by its history."""
    if not (x.requires_grad and y.requires_grad):
        return False
    return torch.autograd.grad(x.sum(), y, retain_graph=True, allow_unused=True)[0] is not None


def stirred(patient: Patient) -> nn.Module:
    """Return a copy with a tenth of noise on every weight, so that none is zero by its start.

    Units that begin as the identity (zero last norms, ReZero, Fixup) then use all that they have.
    """
    model, _ = patient.fresh()
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.is_floating_point() and parameter.numel():
                size = float(parameter.square().mean().sqrt()) or 1.0
                noise = torch.randn(parameter.shape, generator=generator).to(parameter)
                parameter.add_(0.1 * size * noise)
    return model


def evaluates_the_same(patient: Patient) -> bool:
    """Say whether evaluation gives the same numbers when only the random ones differ."""
    model, _ = patient.fresh()
    x = few(patient)[:2]
    with evaluating(model), torch.random.fork_rng(devices=[]), torch.no_grad():
        first, second = (patient.logits(model, x).float() for _ in range(2))
    return torch.allclose(first, second, rtol=1e-4, atol=1e-6, equal_nan=True)
