"""Do training and evaluation differ only where they should?"""

from collections.abc import Iterator

import torch

from plusx.doctor.finding import Finding, NotApplicable
from plusx.doctor.passes import distance, evaluated, few, passed
from plusx.doctor.patient import Patient
from plusx.doctor.wiring.samples import leak

__all__ = ["modes"]

SAME = 1e-4
"""Change of the output over its rms; networks without norm and dropout give 0."""


def modes(patient: Patient) -> Iterator[Finding]:
    """Compare both modes of a network in which nothing is random and nothing uses the batch.

    Whether that is so is measured in training mode, and not read off the classes of its modules.
    """
    x = few(patient)
    model, _ = patient.fresh()
    model.train()
    before = [buffer.clone() for buffer in model.buffers()]
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        _one_output(model(x, *patient.context(x)))
        first, second = (patient.logits(model, x) for _ in range(2))
    moved = any(not torch.equal(a, b) for a, b in zip(model.buffers(), before))
    if moved or not torch.equal(first, second):
        raise NotApplicable("training uses chance or the batch's statistics, as it may")
    if len(x) > 1 and leak(patient, model, x) > SAME:
        raise NotApplicable("training uses the batch's statistics, as it may")
    apart = distance(passed(patient, model, x).float(), evaluated(patient, patient.model, x))
    bad = apart > SAME
    yield Finding(
        check="wiring.modes",
        verdict="warning" if bad else "fine",
        title="Training and evaluation differ" if bad else "Training and evaluation agree",
        figure=f"the outputs differ by {apart:.1e} of their rms",
        threshold=f"{SAME:g}, as nothing here is random and nothing uses the batch",
        cause="modes differ" if bad else "",
        why="forward asks self.training, and does something else in evaluation" if bad else "",
        next="look for self.training in forward" if bad else "",
        weight=2,
    )


def _one_output(y: object) -> None:
    if not isinstance(y, torch.Tensor):
        raise NotApplicable("training gives more than one output, which evaluation need not")
