"""Is every output held against its own target? Outputs (B, 1) and targets (B,) become (B, B)."""

import warnings
from collections.abc import Callable, Iterator

import torch
from torch import Tensor

from plusx.doctor.finding import Finding, NotApplicable
from plusx.doctor.mode import evaluating
from plusx.doctor.patient import Patient

__all__ = ["broadcast"]

Loss = Callable[[Tensor, Tensor], Tensor]

CHECK = "learning.broadcast"
SMALL = 1e-4  # of the largest gradient; losses that pair outputs with targets: 0


def broadcast(patient: Patient) -> Iterator[Finding]:
    """Change one target: the gradients at the other outputs stay, unless each is held against all.

    A loss of the batch as a whole, such as a correlation, mixes in any shape: then nothing is said.
    """
    loss, y, targets = _given(patient)
    if y.shape == targets.shape or y.numel() != targets.numel():
        raise NotApplicable(f"outputs {tuple(y.shape)} and targets {tuple(targets.shape)}")
    mixed, apart = _mixing(loss, y, targets), _mixing(loss, y.view(targets.shape), targets)
    wrong = mixed > SMALL and apart <= SMALL
    yield Finding(
        check=CHECK,
        verdict="wrong" if wrong else "fine",
        title="Each output is held against the targets of the whole batch"
        if wrong
        else "Each output is held against its own target",
        figure=f"outputs {tuple(y.shape)}, targets {tuple(targets.shape)}; one target changed "
        f"moves other outputs' gradients by {mixed:.2g} of the largest, {apart:.2g} in one shape",
        threshold=f"{SMALL:g}; 0 where outputs and targets are paired",
        place="loss" if wrong else "",
        cause="targets broadcast" if wrong else "",
        why="subtracted from each other they make a table of all pairs, whose best answer is the "
        "mean of all targets"
        if wrong
        else "",
        next="bring both to one shape: outputs.squeeze(1), or targets.unsqueeze(1)"
        if wrong
        else "",
        weight=3,
    )


def _given(patient: Patient) -> tuple[Loss, Tensor, Tensor]:
    training, targets = patient.training, patient.material.y
    if training is None or training.loss is None:
        raise NotApplicable("the loss is not known; give training=Training(loss=...)")
    if targets is None or not patient.material.real:
        raise NotApplicable("there are no targets; give data")
    with evaluating(patient.model), torch.no_grad():
        y = patient.logits(patient.model, patient.x[:8])
    targets = targets[: len(y)]
    if y.dim() > 2 or len(y) < 3:
        raise NotApplicable(f"outputs {tuple(y.shape)}, expected three or more of one number")
    return training.loss, y, targets


def _mixing(loss: Loss, y: Tensor, targets: Tensor) -> float:
    """Return how far the gradients at other outputs move with the first target."""
    others = targets.flatten()[targets.flatten() != targets.flatten()[0]]
    if not len(others):
        raise NotApplicable("the targets are all alike")
    moved = targets.clone()
    moved[0] = others[0]
    before, after = _slopes(loss, y, targets), _slopes(loss, y, moved)
    largest = torch.maximum(before.abs().max(), after.abs().max()).clamp_min(1e-30)
    return float((after - before)[1:].abs().max() / largest)


def _slopes(loss: Loss, y: Tensor, targets: Tensor) -> Tensor:
    """Return the gradient of the loss at the outputs, (B,)."""
    y = y.detach().clone().requires_grad_()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # PyTorch's own, of the same
            told = loss(y, targets)
    except Exception as error:  # of somebody's code
        words = (str(error).strip() or "-").splitlines()[0]
        raise NotApplicable(f"the loss does not take targets of this shape ({words})") from error
    (slopes,) = torch.autograd.grad(told.sum(), y)
    return slopes.flatten().float()
