"""examine(model): is it the network that was meant, does it work, is its training healthy?"""

from collections.abc import Callable, Iterable
from pathlib import Path

from torch import nn

from plusx.catalog import family_of
from plusx.doctor.budget import Budget
from plusx.doctor.check import ask
from plusx.doctor.diagnosis import Diagnosis, diagnosis
from plusx.doctor.finding import Chart, Finding
from plusx.doctor.given import material_for
from plusx.doctor.patient import Patient
from plusx.doctor.sections import checks, urgent_first
from plusx.doctor.training import Training

__all__ = ["examine"]

RUNS = "wiring.runs"
MADE_UP = "Images are made up: nothing is said of what depends on real ones."


def examine(
    model: nn.Module,
    data: object = None,
    *,
    expect: str | None = None,
    budget: str | float | Budget = "1m",
    training: Training | None = None,
    run: Path | None = None,
    name: str = "",
    progress: Callable[[str], object] = lambda question: None,
) -> Diagnosis:
    """Examine any network; nothing of it changes.

    `data` are images that it takes: a batch, (images, labels), ((x, more inputs), labels), a dict
    of these, a DataLoader or Dataset that gives such, `Material`, an open data set, or its path or
    name; without, images are made up and what needs real ones is not judged. `expect` is the name
    of the network that it should be, `budget` the time ("10s" for a short look), `training` what is
    known of its training, `run` the folder that `plusx train` left. `progress` is told each
    question.

    >>> from plusx import create
    >>> examine(create("resnet8", num_classes=10), budget="10s").verdict
    'fine'
    """
    if expect is not None:
        family_of(expect)  # raises, with the nearest, for a name that nothing has
    material = material_for(model, data)
    limit = budget if isinstance(budget, Budget) else Budget.parse(budget)
    patient = Patient(
        model,
        material,
        budget=limit,
        training=training,
        expect=expect,
        run=run,
        name=name,
    )
    seen: dict[str, list[Finding | Chart]] = {}
    for check in urgent_first(checks()):
        progress(check.question)
        seen[check.name] = ask(check, patient)
        patient.stopped = patient.stopped or _stopping(seen[check.name])
    remarks = [*material.remarks, *([] if material.real else [MADE_UP])]
    if patient.closed:
        remarks.append(f"It is a ScriptModule: {patient.closed}.")
    return diagnosis(
        patient.name,
        [each for check in checks() for each in seen[check.name]],
        seconds=limit.taken,
        budget=limit.seconds,
        notes=material.notes,
        remarks=tuple(remarks),
    )


def _stopping(seen: Iterable[Finding | Chart]) -> str:
    """Say why nothing more can be asked that runs the network, where that has been found."""
    causes = {each.cause for each in seen if isinstance(each, Finding) and each.check == RUNS}
    return "the network does not run on such an input" if "does not run" in causes else ""
