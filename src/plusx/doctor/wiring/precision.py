"""Does the network work in bfloat16?"""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor

from plusx.doctor.finding import Finding, NotApplicable
from plusx.doctor.mode import evaluating
from plusx.doctor.passes import evaluated, evaluates_the_same, few
from plusx.doctor.patient import Patient
from plusx.doctor.wiring.moves import dtype_words

__all__ = ["precision"]

CLOSE = 0.5
"""Distance from the float32 output over its norm; 35 healthy networks of the zoo: at most 1.8%."""

THRESHOLD = f"runs, within {CLOSE:.0%} of the norm; healthy networks of the zoo: at most 1.8%"


def precision(patient: Patient) -> Iterator[Finding]:
    """Run under autocast and moved whole; the outputs must be near float32's.

    What does not run when moved whole is `moves`' to tell, and what torch has no kernel for is no
    fault of the network.
    """
    if not evaluates_the_same(patient):
        raise NotApplicable("evaluation gives other results each time")
    with _no_fast_path():
        yield _compare(patient, few(patient)[:4])


def _compare(patient: Patient, x: Tensor) -> Finding:
    expected = evaluated(patient, patient.model, x)
    if not expected.isfinite().all():
        raise NotApplicable("the output is not finite in float32 either")
    figures, far, stopped = [], False, False
    for way, run in (("under autocast", _autocast), ("moved whole", _whole)):
        try:
            y = run(patient, x)
        except (RuntimeError, NotImplementedError) as error:
            figures.append(f"{way} it raises: {str(error).splitlines()[0]}")
            stopped |= run is _autocast and dtype_words(error)
        else:
            apart = float((y - expected).norm() / expected.norm().clamp_min(1e-30))
            figures.append(f"{way} {apart:.1%} from float32")
            far |= not apart <= CLOSE
    return _finding("; ".join(figures), far=far, stopped=stopped)


def _finding(figure: str, *, far: bool, stopped: bool) -> Finding:
    if not (far or stopped):
        return Finding(
            check="wiring.precision",
            verdict="fine",
            title="bfloat16 works",
            figure=figure,
            threshold=THRESHOLD,
        )
    return Finding(
        check="wiring.precision",
        verdict="warning",
        title="The network does not run under autocast" if stopped else "bfloat16 loses the output",
        figure=figure,
        threshold=THRESHOLD,
        cause="does not run" if stopped else "lost in bfloat16",
        why="forward makes a tensor of a fixed dtype, or writes into one"
        if stopped
        else "differences of large numbers need more than three digits",
        next="make new tensors with dtype=x.dtype"
        if stopped
        else "subtract before you scale; compute that part in float32",
        weight=1,
    )


def _autocast(patient: Patient, x: Tensor) -> Tensor:
    with torch.autocast("cpu", torch.bfloat16):
        return evaluated(patient, patient.model, x)


@contextmanager
def _no_fast_path() -> Iterator[None]:
    """Let torch's transformer layers run as in training.

    Their fast path knows no autocast, and gives zeros where the slow one gives padding's values.
    """
    before = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)
    try:
        yield
    finally:
        torch.backends.mha.set_fastpath_enabled(before)


def _whole(patient: Patient, x: Tensor) -> Tensor:
    model, _ = patient.fresh()
    model.to(torch.bfloat16)
    with evaluating(model), torch.no_grad():
        return patient.logits(model, x.bfloat16() if x.is_floating_point() else x).float()
