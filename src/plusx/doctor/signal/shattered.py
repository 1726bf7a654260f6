"""How alike are the gradients of neighbouring inputs?"""

import math
from collections.abc import Iterator

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from plusx.doctor.finding import Chart, Finding, NotApplicable, TooLong
from plusx.doctor.patient import Patient

__all__ = ["shattered"]

POINTS = 8
STEP = 1 / 100
"""How far they are apart on the line between two inputs."""
PIXELS = 8 * 64 * 64
"""Points times pixels: larger inputs get fewer points."""
NOISE = 0.05
SECONDS = 10.0


def shattered(patient: Patient) -> Iterator[Finding | Chart]:
    """Measure the cosine between the gradients of inputs along a line.

    Balduzzi et al. 2017, "The shattered gradients problem", section 2: of white noise it is 0, of a
    linear network 1.
    """
    x = patient.x
    if not x.is_floating_point() or len(x) < 2 or patient.material.context:
        raise NotApplicable("the inputs have no line between them")
    if patient.budget.left < SECONDS:
        raise TooLong("there is no time left for it")
    points = min(POINTS, max(4, PIXELS // math.prod(x.shape[2:])))
    steps = STEP * torch.arange(points, device=x.device).to(x.dtype)
    steps = steps.reshape(-1, *(1,) * (x.dim() - 1))
    line = ((1 - steps) * x[:1] + steps * x[1:2]).requires_grad_()
    others = x[2 : 2 + points].detach()  # the line alone has hardly a deviation to normalise by
    y = patient.logits(_normalising(patient.model), torch.cat((line, others)))
    if y.dim() == 0 or len(y) != points + len(others):
        raise NotApplicable("the output has not one row for each input")
    y = y[:points].reshape(points, -1)
    weights = torch.linspace(-1, 1, y.shape[1], device=y.device, dtype=y.dtype)
    grad = _input_gradient((y * weights).sum(), line)
    likeness = None if grad is None else _by_distance(grad.flatten(1))
    if likeness is None:
        raise NotApplicable("the inputs get no gradient")
    near = float(likeness[0])
    bad = near < NOISE and not patient.units and len(others) == points
    yield Finding(
        check="signal.shattered",
        verdict="warning" if bad else "fine",
        title="The gradient is noise from one input to the next"
        if bad
        else "Neighbouring inputs have gradients that are alike",
        figure=f"cosine {near:.2f} between neighbours on a line of inputs",
        threshold=f"{NOISE:g} in a network without units; white noise has 0, of the zoo's at the "
        "start resnet20 0.89, preact_resnet110 0.42, plain20 0.44, plain56 0.00",
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
        x=tuple(STEP * (k + 1) for k in range(len(likeness))),
        lines={"cosine": tuple(likeness.tolist())},
        x_label="share of the distance between two images",
        y_label="cosine",
    )


def _normalising(model: nn.Module) -> nn.Module:
    """Let nothing be drawn at random, and batch norms take the statistics of the batch."""
    model.eval()
    for module in model.modules():
        if isinstance(module, _BatchNorm):
            module.train()
    return model


def _input_gradient(y: Tensor, x: Tensor) -> Tensor | None:
    """Return dy/dx; None where it is cut off, as behind a backbone without gradients."""
    if not y.requires_grad:
        return None
    return torch.autograd.grad(y, x, allow_unused=True)[0]


def _by_distance(grad: Tensor) -> Tensor | None:
    """Return the mean cosine of gradients that are 1, 2, ... steps apart."""
    if not bool(grad.norm(dim=1).all()):
        return None
    unit = F.normalize(grad.double(), dim=1)
    products = unit @ unit.T
    return torch.stack([products.diagonal(k).mean() for k in range(1, len(grad))])
