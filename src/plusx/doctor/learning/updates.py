"""How far does a step move the weights? About a thousandth of their size is usual."""

import math
from collections.abc import Iterator

import torch
from torch import nn

from plusx.doctor.finding import Finding, NotApplicable
from plusx.doctor.learning.steps import optimizer_of, present_rate, raised, take_step
from plusx.doctor.learning.targets import need_targets
from plusx.doctor.patient import Patient

__all__ = ["updates"]

CHECK = "learning.updates"
FAR = 0.4
"""Share of its size that a step moves the median weight by. In networks of the zoo, torchvision and
timm 2e-8 to 0.05 with SGD at 0.1 or Adam at 1e-3, to 0.28 with SGD at 0.5, Adam at 3e-3, LAMB at
5e-3 and Muon at 0.1; 0.4 to 5 at a hundred times the first two."""
NEAR = 1e-7
"""float32 loses a step that is less than this share of a weight. The fastest weight of 26 networks
of the zoo moves by 2.7e-3 and more with SGD at 0.01, by 1.4e-4 and more with AdamW at 1e-5, but for
Fixup's, whose head of zeros moves alone at first."""


def updates(patient: Patient) -> Iterator[Finding]:
    """Take one step at the peak of the rate; |w' - w| / |w| of each weight of two dimensions."""
    rate = present_rate(optimizer_of(patient))
    if not rate:
        raise NotApplicable("the learning rate is 0")
    need_targets(patient)
    model, optimizer = patient.fresh()
    assert optimizer is not None
    raised(optimizer, 1.0)
    before = {name: p.detach().clone() for name, p in model.named_parameters() if p.dim() > 1}
    take_step(patient, model, optimizer, patient.x[:8], patient.y[:8])
    moved = _moved(model, before)
    if isinstance(optimizer, torch.optim.RMSprop):  # its first steps are larger, by this
        start = max((1 - group["alpha"]) ** -0.5 for group in optimizer.param_groups)
        moved = {name: share / start for name, share in moved.items()}
    if not moved:
        raise NotApplicable("no weight moves in the first step")
    ratios = sorted(moved.values())
    median, fastest = ratios[len(ratios) // 2], max(moved, key=lambda name: moved[name])
    if moved[fastest] < NEAR and not _leave_zero(model, before):
        yield _lost(rate, fastest, moved[fastest])
        return
    wrong = not median < FAR
    yield Finding(
        check=CHECK,
        verdict="wrong" if wrong else "fine",
        title=f"A step at {rate:.2g} moves weights by their own size"
        if wrong
        else "A step moves weights by a small part of their size",
        figure=f"half of the weights move by {median:.1e} of their size and more, "
        f"the fastest by {moved[fastest]:.1e}",
        threshold=f"{FAR:g}; usual rates: 0.05 and less, a thousandth later in training",
        place=fastest,
        cause="rate too high" if wrong else "",
        why="after such a step little is left of what the weights were" if wrong else "",
        next="divide the learning rate by a hundred, then search from there" if wrong else "",
        weight=3 if wrong else 1,
    )


def _lost(rate: float, fastest: str, share: float) -> Finding:
    return Finding(
        check=CHECK,
        verdict="wrong",
        title=f"A step at {rate:.2g} moves no weight by as much as rounding does",
        figure=f"the fastest weight moves by {share:.1e} of its size",
        threshold=f"{NEAR:g}: float32 loses less; usual rates: 1e-4 to 0.05",
        place=fastest,
        cause="rate too low",
        why="thousands of such steps leave the weights what they were drawn as",
        next="take the usual rate (0.1 with SGD, 1e-3 with Adam), then search from there",
        weight=3,
    )


def _leave_zero(model: nn.Module, before: dict[str, torch.Tensor]) -> bool:
    """Tell whether weights leave zero: they begin alone where Fixup has the head there."""
    now = model.state_dict()
    return any(not w.any() and bool(now[name].any()) for name, w in before.items())


def _moved(model: nn.Module, before: dict[str, torch.Tensor]) -> dict[str, float]:
    """Return how far each weight moved, without those that stand at zero or get no gradient yet."""
    found = {}
    for name, parameter in model.named_parameters():
        if name in before and float(size := before[name].norm()) > 0:
            share = float((parameter.detach() - before[name]).norm() / size)
            if share:
                found[name] = math.inf if math.isnan(share) else share
    return found
