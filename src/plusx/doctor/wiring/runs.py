"""Does the network run, and give finite numbers?"""

from collections.abc import Iterator

import torch
from torch import Tensor

from plusx.doctor.age import untrained
from plusx.doctor.finding import Finding
from plusx.doctor.patient import Patient

__all__ = ["runs"]


def runs(patient: Patient) -> Iterator[Finding]:
    """Run the network on the first images; its output must be finite.

    Before training, batch norms hold back nothing in evaluation, and the sums of a thousand units
    leave the range of float32 (resnet1001): what counts is then the output in training mode.
    """
    check = "wiring.runs"
    try:
        y = patient.logits(patient.model.eval(), patient.x)
    except (Exception, SystemExit) as error:  # somebody's code: the error is the finding
        words = (str(error).strip() or type(error).__name__).splitlines()[0]
        yield Finding(
            check=check,
            verdict="wrong",
            title="The network does not run",
            figure=f"{type(error).__name__}: {words}",
            threshold=f"an input of {tuple(patient.x.shape)} gives an output",
            cause="does not run",
            why="its forward raises an error on this input",
            next="mend forward, or give data of the shape that the network takes",
            weight=3,
        )
        return
    share = _finite(y)
    figure = f"{share:.1%} of the output is finite"
    if share < 1 and untrained(patient.model):
        with torch.no_grad():
            share = _finite(patient.logits(patient.fresh()[0].train(), patient.x))
        figure += f", in training mode {share:.1%}"
    yield Finding(
        check=check,
        verdict="fine" if share == 1 else "wrong",
        title="The network runs" if share == 1 else "The output is not finite",
        figure=figure,
        threshold="100%; before training, in training mode",
        cause="" if share == 1 else "not finite",
        why="" if share == 1 else "a value overflows or is not defined on the way",
        next="" if share == 1 else "look at the scale of the weights and of the images",
        weight=3,
    )


def _finite(y: Tensor) -> float:
    return float(torch.isfinite(y).float().mean())
