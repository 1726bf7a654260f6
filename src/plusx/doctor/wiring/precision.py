"""Does the network work in bfloat16?"""

from collections.abc import Iterator

import torch
from torch import Tensor

from plusx.doctor.finding import Finding, NotApplicable
from plusx.doctor.patient import Patient, evaluating
from plusx.doctor.wiring.moves import dtype_words
from plusx.doctor.wiring.passes import evaluated, evaluates_the_same, few

__all__ = ["precision"]

CLOSE = 0.5
"""Distance from the float32 output over its norm; bfloat16 keeps three digits of every number."""


def precision(patient: Patient) -> Iterator[Finding]:
    """Run under autocast and moved whole; the outputs must be finite and near float32's."""
    if not evaluates_the_same(patient):
        raise NotApplicable("evaluation gives other results each time")
    x = few(patient)[:4]
    expected = evaluated(patient, patient.model, x)
    if not expected.isfinite().all():
        raise NotApplicable("the output is not finite in float32 either")
    figures, words = [], ""
    for way, run in (("under autocast", _autocast), ("moved whole", _whole)):
        try:
            y = run(patient, x)
        except (RuntimeError, NotImplementedError) as error:
            figures.append(f"{way} it raises {str(error).splitlines()[0]}")
            if way == "under autocast" and dtype_words(error):
                words = figures[-1]
        else:
            apart = float((y - expected).norm() / expected.norm().clamp_min(1e-30))
            figures.append(f"{way} {apart:.1%} from float32")
            if not apart <= CLOSE:
                words = figures[-1]
    yield Finding(
        check="wiring.precision",
        verdict="warning" if words else "fine",
        title="bfloat16 gives other outputs" if words else "bfloat16 works",
        figure="; ".join(figures),
        threshold=f"finite, and within {CLOSE:.0%} of the norm",
        cause="not finite" if words else "",
        why="numbers too large or differences too small for three digits" if words else "",
        next="look for sums of large numbers that cancel, and for fixed dtypes in forward"
        if words
        else "",
        weight=1,
    )


def _autocast(patient: Patient, x: Tensor) -> Tensor:
    with torch.autocast("cpu", torch.bfloat16):
        return evaluated(patient, patient.model, x)


def _whole(patient: Patient, x: Tensor) -> Tensor:
    model, _ = patient.fresh()
    model.to(torch.bfloat16)
    with evaluating(model), torch.no_grad():
        return patient.logits(model, x.bfloat16() if x.is_floating_point() else x).float()
