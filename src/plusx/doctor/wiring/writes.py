"""Does the network leave the images as they are?"""

from collections.abc import Iterator

from plusx.doctor.finding import Finding
from plusx.doctor.passes import few, passed
from plusx.doctor.patient import Patient

__all__ = ["writes"]


def writes(patient: Patient) -> Iterator[Finding]:
    """Run once, and compare the input with what it was."""
    given = few(patient)
    x = given.clone()
    passed(patient, patient.model.eval(), x)
    changed = float((x != given).float().mean())
    yield Finding(
        check="wiring.writes",
        verdict="wrong" if changed else "fine",
        title="Forward writes over its input" if changed else "The input stays as it is",
        figure=f"{changed:.1%} of the input's numbers are others after a pass",
        threshold="none",
        cause="changes its input" if changed else "",
        why="an operation in place works on the images themselves" if changed else "",
        next="take x = x + ... for x += ..., relu(x) for relu_(x) at the start" if changed else "",
        weight=3,
    )
