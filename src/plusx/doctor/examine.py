"""examine(model): is it the network that was meant, does it work, is its training healthy?"""

from collections.abc import Callable
from pathlib import Path

from torch import nn

from plusx.catalog import family_of
from plusx.doctor.budget import Budget
from plusx.doctor.check import ask
from plusx.doctor.diagnosis import Diagnosis, diagnosis
from plusx.doctor.finding import Chart, Finding
from plusx.doctor.given import material_for
from plusx.doctor.patient import Patient
from plusx.doctor.sections import checks
from plusx.doctor.training import Training

__all__ = ["examine"]

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

    `data` are images that it takes: a batch, (images, labels), a DataLoader or Dataset of pairs, an
    open data set, or its path or name; without, images are made up and what needs real ones is not
    judged. `expect` is the name of the
    network that it should be, `budget` the time ("10s" for a short look), `training` what is known
    of its training, `run` the folder that `plusx train` left. `progress` is told each question.

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
    seen: list[Finding | Chart] = []
    for check in checks():
        progress(check.question)
        seen += ask(check, patient)
    seconds = limit.taken
    notes = material.notes if material.real else (*material.notes, MADE_UP)
    return diagnosis(patient.name, seen, seconds=seconds, notes=notes)
