"""Skips whose value the transform writes over before it is added."""

from collections.abc import Iterator

import torch
from torch import Tensor, fx

from plusx.doctor.finding import Finding, NotApplicable
from plusx.doctor.patient import Patient
from plusx.doctor.shortcuts.row import Link, Row
from plusx.graph.inplace import late_readers, uncopied
from plusx.tape import watch
from plusx.unit import declared_units

__all__ = ["overwritten"]

SHARE = 1e-4
"""Less of a difference than this is rounding: a ReLU in place over what has no negatives."""


def overwritten(patient: Patient) -> Iterator[Finding]:
    """Look for units whose sum gets another value than the unit's input had."""
    patient.need_units()
    ours = bool(declared_units(patient.model))
    found = _written_in_ours(patient) if ours else list(_written(patient.row))
    if not found:
        yield Finding(
            check="shortcuts.overwritten",
            verdict="fine",
            title="Nothing writes over what a skip carries",
            figure=f"{len(patient.units)} units looked at",
        )
        return
    first, share = found[0]
    yield Finding(
        check="shortcuts.overwritten",
        verdict="wrong",
        title="What a skip carries is overwritten before it is added",
        figure=f"{share:.0%} of it is another value by then; {len(found)} of "
        f"{len(patient.units)} units",
        threshold="0%: the sum gets the unit's input",
        place=first,
        cause="shortcut overwritten",
        why="an operation in place (inplace=True, relu_, +=) in the transform works on the tensor "
        "that the skip holds, too",
        next="make the transform's first operation one that is not in place",
        weight=3,
    )


def _written(row: Row) -> Iterator[tuple[str, float]]:
    """Find skips that read an overwritten value by its old name, in graphs of foreign networks."""
    late = [(link, link.join.x) for link in row.links if _reads_late(link)]
    pairs = {new: uncopied(new.all_input_nodes[0])[0] for _, new in late}
    values = row.values({*pairs, *pairs.values()}) if pairs else {}
    for link, new in late:
        differ = (values[new] - values[pairs[new]]).abs() > SHARE * values[new].abs().max()
        if share := float(differ.float().mean()):
            yield link.name, share


def _reads_late(link: Link) -> bool:
    late: tuple[fx.Node, ...] = late_readers(link.join.x)
    first = link.way[:1] or link.join.merge
    return any(node in late for node in first)


def _written_in_ours(patient: Patient) -> list[tuple[str, float]]:
    """Compare each shortcut before its transform with what it is after it."""
    found: list[tuple[str, float]] = []
    held: dict[str, tuple[Tensor, Tensor, int]] = {}
    parts = {}
    for unit in declared_units(patient.model):
        parts[f"{unit.name}.s"] = unit.shortcut
        parts[f"{unit.name}.t"] = unit.transform

    def see(name: str, x: Tensor, y: Tensor) -> None:
        unit, _, part = name.rpartition(".")
        if part == "s" and isinstance(y, Tensor):
            held[unit] = (y, y.clone(), y._version)
        elif unit in held:
            now, before, version = held.pop(unit)
            if now._version != version:
                found.append((unit, float((now != before).float().mean())))

    with watch(parts, see), torch.no_grad():
        if patient.x.numel() == 0:
            raise NotApplicable("there are no inputs")
        patient.forward(patient.model, patient.x if patient.material.context else patient.x[:2])
    return [(name, share) for name, share in found if share]
