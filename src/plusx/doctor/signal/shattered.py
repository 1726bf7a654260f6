"""How alike are the gradients of neighbouring inputs?"""

from collections.abc import Iterator

import torch
import torch.nn.functional as F
from torch import Tensor

from plusx.doctor.finding import Chart, Finding, NotApplicable
from plusx.doctor.patient import Patient

__all__ = ["shattered"]

POINTS = 16
"""Along the line between two inputs, one thirtieth of it apart."""
NOISE = 0.05
PIXELS = 32 * 32


def shattered(patient: Patient) -> Iterator[Finding | Chart]:
    """Measure the cosine between the gradients of inputs along a line.

    Balduzzi et al. 2017, "The shattered gradients problem", section 2: of white noise it is 0, of a
    linear network 1.
    """
    x = patient.x
    if not x.is_floating_point() or len(x) < 2 or patient.material.context:
        raise NotApplicable("the inputs have no line between them")
    steps = torch.linspace(0, 0.5, POINTS, device=x.device, dtype=x.dtype)
    steps = steps.reshape(-1, *(1,) * (x.dim() - 1))
    line = ((1 - steps) * x[:1] + steps * x[1:2]).requires_grad_()
    y = patient.logits(patient.model.train(), line)
    weights = torch.linspace(-1, 1, y[0].numel(), device=y.device, dtype=y.dtype)
    (grad,) = torch.autograd.grad((y.flatten(1) * weights).sum(), line)
    likeness = _by_distance(grad.flatten(1))
    if likeness is None:
        raise NotApplicable("the inputs get no gradient")
    near = float(likeness[0])
    bad = near < NOISE
    yield Finding(
        check="signal.shattered",
        verdict="warning" if bad else "fine",
        title="The gradient is noise from one input to the next"
        if bad
        else "Neighbouring inputs have gradients that are alike",
        figure=f"cosine {near:.2f} between neighbours on a line of inputs",
        threshold=f"{NOISE:g}; white noise has 0",
        cause="gradient shattered" if bad else "",
        why="over many layers without shortcuts the gradient of one image says nothing of the "
        "next (Balduzzi et al. 2017)"
        if bad
        else "",
        next="add shortcuts, or make the network shallower" if bad else "",
        weight=1,
    )
    yield Chart(
        name="gradients along a line",
        title="Likeness of gradients by distance",
        caption="The cosine between the gradients of two inputs, by their distance on the line "
        "between two images.",
        x=tuple(float(k + 1) / (2 * (POINTS - 1)) for k in range(POINTS - 1)),
        lines={"cosine": tuple(likeness.tolist())},
        x_label="share of the distance between two images",
        y_label="cosine",
    )


def _by_distance(grad: Tensor) -> Tensor | None:
    """Return the mean cosine of gradients that are 1, 2, ... steps apart."""
    if not bool(grad.norm(dim=1).all()):
        return None
    unit = F.normalize(grad.double(), dim=1)
    products = unit @ unit.T
    return torch.stack([products.diagonal(k).mean() for k in range(1, len(grad))])
