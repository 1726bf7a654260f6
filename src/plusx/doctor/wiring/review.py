"""The checklist of an implementation review, with its numbers."""

from collections.abc import Iterator, Sequence
from contextlib import nullcontext

import torch
from torch import Tensor, nn

from plusx.doctor.finding import Finding, NotApplicable
from plusx.doctor.passes import evaluated, few
from plusx.doctor.patient import Patient
from plusx.tape import Tape, record

__all__ = ["review"]

ADDS = 1e-5
"""Rounding of a sum, over its rms."""


def review(patient: Patient) -> Iterator[Finding]:
    """Write down what one recorded pass in evaluation mode shows; other checks judge it.

    The gradient and the change of every parameter, what the units add up, whether a unit's two
    streams are independent, the shapes on the way, the batch.
    """
    x = few(patient)
    model, _ = patient.fresh()
    model.eval()
    with record(model) if patient.units else nullcontext(Tape()) as tape:
        y = patient.logits(model, x)
        if not y.requires_grad:
            raise NotApplicable("the output has no gradient")
        direction = torch.randn(y.shape, generator=torch.Generator().manual_seed(0)).to(y)
        (y * direction).mean().backward()
    lines = [*_gradient(model), *_units(patient, tape), *_shapes(x, tape, y), *_batch(patient, x)]
    yield Finding(
        check="wiring.review",
        verdict="fine",
        title="Checklist of the implementation",
        figure="; ".join(lines),
        threshold="for reading: the checks above judge",
    )


def _gradient(model: nn.Module) -> Iterator[str]:
    parameters = list(model.parameters())
    reached = [p for p in parameters if p.grad is not None and p.grad.isfinite().all()]
    change = sum(
        bool((p.detach() - 0.1 * p.grad != p).any()) for p in reached if p.grad is not None
    )
    yield f"a finite gradient reaches {len(reached)} of {len(parameters)} parameters in evaluation"
    yield f"a step changes {change} of {len(parameters)}"


def _units(patient: Patient, tape: Tape) -> Iterator[str]:
    count = len(tape.units)
    if not count:
        yield patient.unseen or "no residual units"
        return
    passed = [unit for unit in tape.units.values() if unit.shortcut.grad is not None]
    open_ = sum(bool(unit.shortcut.grad.any()) for unit in passed if unit.shortcut.grad is not None)
    alone = sum(_independent(unit.shortcut, unit.transform) for unit in patient.units)
    adds = sum(_adds((u.shortcut, u.transform), u.y) for u in tape.units.values())
    yield f"the gradient passes the shortcut of {open_} of {count} units"
    yield f"shortcut and transform share no weights in {alone} of {len(patient.units)}"
    yield f"y = shortcut + transform in {adds} of {count}"


def _independent(shortcut: nn.Module, transform: nn.Module) -> bool:
    own = {id(parameter) for parameter in shortcut.parameters()}
    return not any(id(parameter) in own for parameter in transform.parameters())


def _adds(terms: tuple[Tensor, Tensor], y: Tensor) -> bool:
    if any(term.shape != y.shape for term in terms):
        return False
    apart = (y - terms[0] - terms[1]).detach().abs().max()
    return bool(apart <= ADDS * y.detach().square().mean().sqrt())


def _shapes(x: Tensor, tape: Tape, y: Tensor) -> Iterator[str]:
    steps = [_shape(t.shape[1:]) for t in (x, *(unit.y for unit in tape.units.values()), y)]
    yield "shapes " + " → ".join(dict.fromkeys(steps))


def _shape(sizes: Sequence[int]) -> str:
    return "x".join(str(size) for size in sizes)


def _batch(patient: Patient, x: Tensor) -> Iterator[str]:
    if patient.material.context:
        return
    rows = len(evaluated(patient, patient.model, x))
    try:
        one = len(evaluated(patient, patient.model, x[:1]))
    except Exception as error:  # of somebody's forward; wiring.shapes judges it
        yield f"1 input: {type(error).__name__}, {len(x)} give {rows} rows"
    else:
        yield f"1 and {len(x)} inputs give {one} and {rows} rows"
