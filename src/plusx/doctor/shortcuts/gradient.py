"""Skips that pass a value and no gradient; and the gradient through both ways, apart."""

from collections.abc import Iterator

import torch
from torch import Tensor, nn

from plusx.doctor.finding import Chart, Finding
from plusx.doctor.mode import evaluating
from plusx.doctor.patient import Patient
from plusx.doctor.shortcuts.row import Row
from plusx.errors import InputError
from plusx.graph import trace
from plusx.tape import watch
from plusx.unit import declared_units

__all__ = ["gradient"]

SAME = 1e-2
"""Two gradients of one network differ by less: they are computed in another order."""


def gradient(patient: Patient) -> Iterator[Finding | Chart]:
    """Look for units whose shortcut follows x and gives no gradient back to it."""
    patient.need_units()
    ways = patient.passing.ways
    cut = [way.name for way in ways if way.cut]
    if not cut and not declared_units(patient.model):
        cut = _cut_unseen(patient)
    if cut:
        yield Finding(
            check="shortcuts.gradient",
            verdict="wrong",
            title="No gradient passes a skip",
            figure=f"the gradient through the skip is 0 in {len(cut)} of {len(ways)} units",
            threshold="above 0: y = x + f(x) gives dy/dx = 1 + df/dx",
            place=cut[0],
            cause="shortcut detached",
            why="a detach(), .data or no_grad cuts it off: the value passes, the gradient does not",
            next="add x itself, not a copy without history",
            weight=3,
        )
    else:
        yield Finding(
            check="shortcuts.gradient",
            verdict="fine",
            title="The gradient passes every skip",
            figure=f"{len(ways)} units looked at",
        )
    if len(ways) > 1:
        yield Chart(
            name="gradient by way",
            title="Gradient through shortcut and transform",
            caption="The norm of the gradient that comes to each unit's input through its "
            "shortcut and through its transform, in one training pass.",
            x=tuple(way.name for way in ways),
            lines={
                "shortcut": tuple(way.carried for way in ways),
                "transform": tuple(way.made for way in ways),
            },
            y_label="norm of the gradient",
            log="y",
        )


def _cut_unseen(patient: Patient) -> list[str]:
    """Find skips made under no_grad, which no graph shows: its gradient is not the network's."""
    row = patient.row
    if row.traced.by != "fx":
        return []
    with evaluating(patient.model):
        return [
            name
            for name, (block, x) in _blocks(patient, row).items()
            if patient.budget.left > 0 and _is_cut(block, x)
        ]


def _blocks(patient: Patient, row: Row) -> dict[str, tuple[nn.Module, Tensor]]:
    """Return the module of each unit that has one for itself, and what it takes."""
    places = [link.join.holder for link in row.links]
    single = {
        link.name: patient.model.get_submodule(link.join.holder)
        for link in row.links
        if link.join.holder and places.count(link.join.holder) == 1
    }
    seen: dict[str, Tensor] = {}

    def see(name: str, x: Tensor, y: Tensor) -> None:
        if isinstance(x, Tensor) and x.is_floating_point():
            seen[name] = x.detach().clone()

    with watch(single, see), torch.no_grad():
        patient.logits(patient.model, row.inputs[0])  # type: ignore[arg-type]
    return {name: (single[name], x) for name, x in seen.items()}


def _is_cut(block: nn.Module, x: Tensor) -> bool:
    """Compare the gradient of a block with that of its graph; its transform must learn."""
    try:
        own, learns = _gradient(block, x, block)
        full, _ = _gradient(trace(block).module, x, block)
    except (InputError, RuntimeError, TypeError):  # it takes more than x, or cannot be traced
        return False
    return learns and float((own - full).norm()) > SAME * float(full.norm())


def _gradient(run: nn.Module, x: Tensor, block: nn.Module) -> tuple[Tensor, bool]:
    """Return the gradient of what a block gives at its input, and whether its weights get one."""
    start = x.clone().requires_grad_()
    y = run(start * 1)  # a copy: what works in place may not write over a leaf
    if not isinstance(y, Tensor):
        raise TypeError("a block that gives several values")
    weights = torch.linspace(-1, 1, y.numel(), device=y.device, dtype=y.dtype).reshape(y.shape)
    wanted = [start, *(p for p in block.parameters() if p.requires_grad)]
    own, *learned = torch.autograd.grad(y, wanted, weights, allow_unused=True)
    learns = any(grad is not None and bool(grad.any()) for grad in learned)
    return torch.zeros_like(x) if own is None else own, learns
