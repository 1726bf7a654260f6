"""How evenly do the first layers pass what comes in?"""

from collections.abc import Iterator

import torch
from torch import Tensor, nn

from plusx.doctor.finding import Finding, NotApplicable
from plusx.doctor.patient import Patient
from plusx.doctor.signal.passing import LAYERS

__all__ = ["conditioning"]

FIRST = 3
LARGEST = 4096
"""Matrices with a longer side take their time."""


def conditioning(patient: Patient) -> Iterator[Finding]:
    """Measure the singular values of the first layers' weights, (outputs, inputs and kernel)."""
    layers = [layer.name for layer in patient.passing.layers]
    figures = []
    for name in layers[:FIRST]:
        matrix = _matrix(patient.model.get_submodule(name))
        if matrix is not None and matrix.any():
            values = torch.linalg.svdvals(matrix)
            rank = float(values.sum() ** 2 / values.square().sum())
            ratio = float(values[0] / values[-1].clamp(min=1e-12 * float(values[0])))
            figures.append(f"{name} {ratio:.2g} (effective rank {rank:.0f} of {len(values)})")
    if not figures:
        raise NotApplicable("no weight of the first layers has two filters or more")
    yield Finding(
        check="signal.conditioning",
        verdict="fine",
        title="Condition of the first layers' weights",
        figure="largest over smallest singular value: " + "; ".join(figures),
        threshold="told, not judged: 1 is orthogonal",
    )


def _matrix(layer: nn.Module) -> Tensor | None:
    weight = layer.weight if isinstance(layer, LAYERS) else None
    if not isinstance(weight, Tensor) or (weight.shape[1] == 1 and weight.dim() > 2):
        return None
    matrix = weight.detach().float().flatten(1)
    return matrix if len(matrix) > 1 and max(matrix.shape) <= LARGEST else None
