"""One training pass, and what it shows of every unit, layer and activation."""

import math
from collections.abc import Container, Iterator, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from plusx.analysis.untouched import untouched
from plusx.doctor.finding import NotApplicable
from plusx.doctor.signal.fired import Fired, Firing
from plusx.tape import Tape, UnitRecord, record, watch

if TYPE_CHECKING:
    from plusx.doctor.patient import Patient

__all__ = ["LAYERS", "Layer", "Passing", "Way", "measure", "some"]

LAYERS = (
    nn.Conv1d, nn.Conv2d, nn.Conv3d, nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d,
    nn.Linear,
)  # fmt: skip
PIXELS = 4 * 32 * 32
"""Images of a pass times their pixels: a larger one tells no more and takes its time."""
LEAST = 4
"""Fewer are no batch to normalise by."""


@dataclass(frozen=True)
class Way:
    """One residual unit in the pass: root mean squares, and gradients' norms at its ends.

    `carried` = ds/dx g and `made` = dt/dx g are norms of the gradient that comes to x through
    shortcut and transform, with g the gradient at y. `cut`: the shortcut has a value that follows
    x and no history; `learns`: a weight of the transform gets a gradient. `coefficient` is
    <s, x> / <x, x> where s is a multiple of x, else None.
    """

    name: str
    x: float
    s: float
    t: float
    y: float
    gradient: float
    carried: float
    made: float
    cut: bool
    learns: bool
    coefficient: float | None

    @property
    def share(self) -> float:
        """Return t / s, how much the unit changes what it carries."""
        return self.t / self.s if self.s else math.inf


@dataclass(frozen=True)
class Layer:
    """One convolution or linear layer: norms of its weight and of the gradient of that."""

    name: str
    weight: float
    gradient: float


@dataclass(frozen=True)
class Passing:
    """What a pass showed, in order of execution.

    `normed` are the layers that a norm follows; `spread` is the logits' standard deviation.
    """

    ways: tuple[Way, ...]
    layers: tuple[Layer, ...]
    fired: tuple[Fired, ...]
    normed: frozenset[str]
    loss: float
    classes: int
    spread: float


def some(patient: "Patient") -> Tensor:
    """Return the first inputs: 16 vectors, 8 small images, 4 of 32 pixels or more."""
    x = patient.x
    if patient.material.context:  # an adjacency belongs to just these
        return x
    count = 16 if x.dim() < 3 else min(8, PIXELS // max(1, math.prod(x.shape[2:])))
    return x[: max(LEAST, count)]


def measure(patient: "Patient") -> Passing:
    """Run the copy forward and backward once in training mode; weights stay as they are.

    The loss is cross-entropy with the labels, or with drawn ones; of an output that is no logits,
    its product with standard normal noise.
    """
    with untouched(patient.model), torch.enable_grad():
        torch.manual_seed(0)
        return _measure(patient, patient.model.train())


def _measure(patient: "Patient", model: nn.Module) -> Passing:
    if not any(parameter.requires_grad for parameter in model.parameters()):
        raise NotApplicable("every parameter is frozen: there is no gradient to look at")
    x, labels = some(patient), _labels(patient)  # before: it runs the network
    layers = {name: m for name, m in model.named_modules() if isinstance(m, LAYERS)}
    order: dict[str, None] = {}
    firing = Firing()

    def see(name: str, x: Tensor, y: Tensor) -> None:
        order[name] = None
        firing.after = name

    recording: AbstractContextManager[Tape] = (
        record(model) if patient.units else nullcontext(Tape())
    )
    with recording as tape, watch(layers, see):
        with firing:
            y = patient.logits(model, x).float()
        loss = _loss(y, labels)
        if not loss.requires_grad:
            raise NotApplicable("no gradient reaches the output")
        loss.backward(retain_graph=True)
        learning = {unit.name for unit in patient.units if _learns(unit.transform)}
        ways = tuple(_way(name, unit, learning) for name, unit in tape.units.items())
    return Passing(
        ways=ways,
        layers=tuple(_layers(layers, order)),
        fired=tuple(firing.seen),
        normed=frozenset(firing.normed),
        loss=float(loss.detach()),
        classes=y.shape[1] if y.dim() == 2 else 0,
        spread=float(y.detach().std(correction=0)),
    )


def _labels(patient: "Patient") -> Tensor | None:
    try:
        return patient.y
    except (NotApplicable, RuntimeError):  # no logits, or not for a part of the inputs
        return None


def _loss(y: Tensor, labels: Tensor | None) -> Tensor:
    if labels is not None and y.dim() == 2 and y.shape[1] > 1 and labels.dim() == 1:
        labels = labels[: len(y)]
        classes = not labels.is_floating_point() and int(labels.max()) < y.shape[1]
        fit = classes and int(labels.min()) >= 0
        if fit and len(labels) == len(y):
            return F.cross_entropy(y, labels)
    return (y * torch.randn_like(y)).mean()


def _layers(layers: Mapping[str, nn.Module], order: Mapping[str, None]) -> Iterator[Layer]:
    for name in order:
        weight = getattr(layers.get(name), "weight", None)
        if isinstance(weight, Tensor) and weight.grad is not None:
            yield Layer(name, _norm(weight), _norm(weight.grad))


def _learns(transform: nn.Module) -> bool:
    return any(p.grad is not None and bool(p.grad.any()) for p in transform.parameters())


def _way(name: str, unit: UnitRecord, learning: Container[str]) -> Way:
    x, s, t, y = unit.x, unit.shortcut, unit.transform, unit.y
    g = y.grad
    carried = made = 0.0
    if g is not None and x.requires_grad:
        carried = _through(s, x, g)
        made = _through(t, x, g)
    follows = g is not None and x.requires_grad and x.is_floating_point() and _rms(s) > 0
    return Way(
        name,
        _rms(x),
        _rms(s),
        _rms(t),
        _rms(y),
        _norm(g) if g is not None else 0.0,
        carried,
        made,
        follows and carried == 0 and not _follows(s, x),
        name in learning,
        _coefficient(s, x),
    )


def _follows(s: Tensor, x: Tensor) -> bool:
    """Tell whether a gradient comes from s to x."""
    if s is x:
        return True
    if not s.requires_grad:
        return False
    (found,) = torch.autograd.grad(s, x, torch.ones_like(s), retain_graph=True, allow_unused=True)
    return found is not None


def _through(end: Tensor, x: Tensor, g: Tensor) -> float:
    """Return the norm of the gradient that comes from one end of the unit to x."""
    if end is x:
        return _norm(g)
    if not end.requires_grad:
        return 0.0
    if end.shape != g.shape:  # of a concatenation or a gated sum: its own gradient
        if end.grad is None:
            return 0.0
        g = end.grad
    (found,) = torch.autograd.grad(end, x, g, retain_graph=True, allow_unused=True)
    return 0.0 if found is None else _norm(found)


def _coefficient(s: Tensor, x: Tensor) -> float | None:
    if s.shape != x.shape or not x.is_floating_point():
        return None
    a, b = s.detach().double().flatten(), x.detach().double().flatten()
    square = float(b @ b)
    if not square:
        return None
    c = float(a @ b) / square
    return c if float((a - c * b).norm()) <= 1e-3 * float(a.norm()) else None


def _rms(tensor: Tensor) -> float:
    return float(tensor.detach().float().square().mean().sqrt())


def _norm(tensor: Tensor) -> float:
    return float(tensor.detach().float().norm())
