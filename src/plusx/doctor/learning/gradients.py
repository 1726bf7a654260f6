"""Does a step change the network, and does it forget the gradients of the step before?"""

from collections.abc import Iterator

import torch
from torch import Tensor, nn

from plusx.doctor.copies import copied
from plusx.doctor.finding import Finding
from plusx.doctor.learning.steps import need_step, present_rate, raised, take_step
from plusx.doctor.learning.steps import weights as all_weights
from plusx.doctor.learning.targets import need_targets
from plusx.doctor.patient import Patient

__all__ = ["steps_apart"]

CHECK = "learning.steps"
MOST = 8  # steps until weights have to change: a caller may add up gradients of several batches
SHARE = 0.01  # of a step; rounding and threads give 1e-5 and less on healthy networks


def steps_apart(patient: Patient) -> Iterator[Finding]:
    """Take two steps on copies; of one, the gradients are taken away in between.

    A loop that sets them to zero, before the backward pass or after the step, takes the same second
    step on both. A third copy, treated as the second, tells what chance does.
    """
    need_step(patient)
    need_targets(patient)
    model, optimizer = patient.fresh()
    assert optimizer is not None
    if not present_rate(optimizer):
        yield _no_step("the learning rate is 0")
        return
    if all(not group["lr"] for group in optimizer.param_groups):
        raised(optimizer, 1.0)  # a warm-up that begins at zero
    count, first = _until_changed(patient, model, optimizer)
    if not count:
        yield _no_step(f"{MOST} steps on one batch change nothing")
        return
    ends = [_second(patient, model, optimizer, count, forget=f) for f in (False, True, True)]
    size = float((ends[1] - first).norm())
    chance = float((ends[1] - ends[2]).norm()) / max(size, 1e-30)
    apart = float((ends[0] - ends[1]).norm()) / max(size, 1e-30)
    wrong = apart > SHARE + 3 * chance
    yield Finding(
        check=CHECK,
        verdict="wrong" if wrong else "fine",
        title="Gradients pile up from step to step" if wrong else "A step forgets the one before",
        figure=f"the second step is {apart:.2g} of its size another with the first one's gradients",
        threshold=f"{SHARE + 3 * chance:.2g}; healthy steps: below 1e-5, chance here {chance:.2g}",
        cause="gradients pile up" if wrong else "",
        why="backward() adds to .grad, and nothing sets it to zero between the steps"
        if wrong
        else "",
        next="call optimizer.zero_grad() before every backward()" if wrong else "",
        weight=3,
    )


def _until_changed(
    patient: Patient, model: nn.Module, optimizer: torch.optim.Optimizer
) -> tuple[int, Tensor]:
    """Take steps until the weights change; return how many it took, 0 where they never do."""
    before = all_weights(model)
    x, labels = patient.x[:4], patient.y[:4]
    for count in range(1, MOST + 1):
        take_step(patient, model, optimizer, x, labels)
        after = all_weights(model)
        if not torch.equal(before, after):
            return count, after
    return 0, before


def _second(
    patient: Patient,
    model: nn.Module,
    optimizer: torch.optim.Optimizer,
    count: int,
    *,
    forget: bool,
) -> Tensor:
    """Take `count` steps more on a copy, with other images, and return its weights."""
    grads = [None if p.grad is None or forget else p.grad.clone() for p in model.parameters()]
    model, copy = copied(model, optimizer)
    assert copy is not None
    for parameter, grad in zip(model.parameters(), grads, strict=True):
        parameter.grad = grad  # a copy comes without
    x, labels = patient.x[:4].flip(0), patient.y[:4]
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1)
        for _ in range(count):
            take_step(patient, model, copy, x, labels)
    return all_weights(model)


def _no_step(figure: str) -> Finding:
    return Finding(
        check=CHECK,
        verdict="wrong",
        title="A training step changes no weight",
        figure=figure,
        threshold="weights move in a step",
        cause="no step",
        why="the optimizer takes no step, at no rate, or moves the weights of another network",
        next="call optimizer.step() after backward(), on the network that the step is given",
        weight=3,
    )
