"""Short names of gates: the parts of an address that tell one from another."""

from collections.abc import Callable, Sequence
from dataclasses import replace

from plusx.analysis.gate_complexity import GateComplexity
from plusx.analysis.gate_dynamics import GateDynamics
from plusx.analysis.gate_flow import GateFlow
from plusx.analysis.gate_importance import GateImportance
from plusx.analysis.gate_weights import GateWeights

__all__ = [
    "Labels",
    "labelled_complexity",
    "labelled_dynamics",
    "labelled_flow",
    "labelled_importance",
    "labelled_weights",
    "labels",
]

Labels = dict[str, str]
"""By the name of a gate."""


def labels(weights: GateWeights) -> Labels:
    """Return the shortest of three ways to name all gates apart: numbers, parts, addresses.

    >>> import torch
    >>> from plusx import create
    >>> from plusx.analysis.gate_weights import gate_weights
    >>> model = create("resnet8", num_classes=2, attention="cbam")
    >>> found = gate_weights(model, torch.zeros(2, 3, 16, 16), torch.tensor([0, 1]))
    >>> list(labels(found).values())[:3]
    ['0.0 channel', '0.0 spatial', '1.0 channel']
    """
    names = [gate.name for gate in weights.gates]
    shared = set.intersection(*(set(_parts(name)) for name in names)) if len(names) > 1 else set()
    ways: Sequence[Callable[[str], list[str]]] = (
        lambda name: [part for part in _parts(name) if part.isdigit()],
        lambda name: [part for part in _parts(name) if part not in shared],
        _parts,
    )
    for way in ways:
        short = {name: ".".join(way(name)) for name in names}
        made = {gate.name: f"{short[gate.name]} {gate.kind}" for gate in weights.gates}
        if all(short.values()) and len(set(made.values())) == len(names):
            return made
    return {name: name for name in names}


def labelled_weights(found: GateWeights, by: Labels) -> GateWeights:
    """Return the same with short names."""
    return replace(found, gates=tuple(replace(gate, name=by[gate.name]) for gate in found.gates))


def labelled_dynamics(found: GateDynamics, by: Labels) -> GateDynamics:
    """Return the same with short names."""
    return replace(found, gates=tuple(replace(row, name=by[row.name]) for row in found.gates))


def labelled_flow(found: GateFlow, by: Labels) -> GateFlow:
    """Return the same with short names."""
    return GateFlow(tuple(replace(row, gate=by[row.gate]) for row in found.rows))


def labelled_importance(found: GateImportance, by: Labels) -> GateImportance:
    """Return the same with a short name."""
    return replace(found, gate=by[found.gate])


def labelled_complexity(found: GateComplexity, by: Labels, measure: str) -> GateComplexity:
    """Return what there is of one measure, with short names."""
    rows = tuple(replace(r, gate=by[r.gate]) for r in found.rows if r.measure == measure)
    return GateComplexity(found.count, rows)


def _parts(name: str) -> list[str]:
    return name.split(".")
