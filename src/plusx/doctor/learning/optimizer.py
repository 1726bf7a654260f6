"""Does the optimizer have every parameter that learns, and what does it pull to zero?"""

from collections.abc import Iterator, Sequence

import torch
from torch import nn

from plusx.doctor.finding import Finding
from plusx.doctor.learning.steps import optimizer_of
from plusx.doctor.patient import Patient

__all__ = ["decay", "has_all"]

CHECK = "learning.optimizer"


def has_all(patient: Patient) -> Iterator[Finding]:
    """Hold the optimizer's parameters against those of the network that learn."""
    held = _held(optimizer_of(patient))
    named = list(patient.model.named_parameters())
    learning = [name for name, p in named if p.requires_grad]
    missing = [name for name, p in named if p.requires_grad and id(p) not in held]
    still = [name for name, p in named if not p.requires_grad and id(p) in held]
    if not missing:
        remark = f"; {len(still)} that it holds are frozen, such as {still[0]}" if still else ""
        yield Finding(
            check=CHECK,
            verdict="fine",
            title="The optimizer has every parameter that learns",
            figure=f"{len(learning)} of {len(learning)}{remark}",
            threshold="all that require a gradient",
        )
        return
    head = len(missing) < len(learning) and _end_alone(patient.model, held)
    yield Finding(
        check=CHECK,
        verdict="warning" if head else "wrong",
        title="Parameters that learn are not in the optimizer",
        figure=f"{len(missing)} of {len(learning)} parameters are missing",
        threshold="none",
        place=missing[0],
        cause="not in the optimizer",
        why=_why(missing, learning, head=head),
        next="freeze the others with requires_grad_(False) to say so, if the head alone is to learn"
        if head
        else "make the optimizer from model.parameters() of the finished network",
        weight=3,
    )


def _why(missing: Sequence[str], learning: Sequence[str], *, head: bool) -> str:
    if len(missing) == len(learning):
        return "it holds parameters of another network, or of this one before they were replaced"
    if head:
        return "it holds the last layer alone, while all others ask for gradients nobody uses"
    return "they get gradients and stay as they were initialised, since no step moves them"


def _held(optimizer: torch.optim.Optimizer) -> set[int]:
    return {id(p) for group in optimizer.param_groups for p in group["params"]}


def _end_alone(model: nn.Module, held: set[int]) -> bool:
    """Whether the optimizer holds the last module that has parameters, and no other."""
    own = [m for m in model.modules() if any(True for _ in m.parameters(recurse=False))]
    last = {id(p) for p in own[-1].parameters(recurse=False)}
    return {id(p) for p in model.parameters()} & held == last


def decay(patient: Patient) -> Iterator[Finding]:
    """Count the norms' scales and the biases that weight decay acts on: a remark, many do it."""
    optimizer = optimizer_of(patient)
    decayed = {
        id(p): group["weight_decay"]
        for group in optimizer.param_groups
        if group.get("weight_decay")
        for p in group["params"]
    }
    thin = [(n, p) for n, p in patient.model.named_parameters() if p.dim() <= 1]
    pulled = [(name, decayed[id(p)]) for name, p in thin if id(p) in decayed]
    yield Finding(
        check="learning.decay",
        verdict="fine",
        title="Weight decay acts on norms and biases, too" if pulled else "Norms do not decay",
        figure=f"{len(pulled)} of {len(thin)} scales and biases decay"
        + (f", at {float(pulled[0][1]):g}" if pulled else ""),
        threshold="none in Goyal et al. 2017 and He et al. 2018; many healthy trainings do it",
        place=pulled[0][0] if pulled else "",
        cause="decay on norms" if pulled else "",
        why="their size is no sign of complexity; pulling them to zero slows norms down"
        if pulled
        else "",
        next="give parameters of one dimension a group with weight_decay=0" if pulled else "",
    )
