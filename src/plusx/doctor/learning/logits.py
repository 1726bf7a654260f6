"""Does the loss fit what the network answers, logits or probabilities?"""

from collections.abc import Callable, Iterator

import torch
from torch import Tensor, nn

from plusx.doctor.finding import Finding
from plusx.doctor.learning.answers import are_shares, number_of_answers
from plusx.doctor.learning.output import Seen, output_of_step
from plusx.doctor.mode import evaluating
from plusx.doctor.patient import Patient

__all__ = ["logits_wanted"]

Loss = Callable[[Tensor, Tensor], Tensor]

CHECK = "learning.logits"
ZEROS = 0.1  # share of outputs that are exactly 0; networks that end in a layer with weights: none


def logits_wanted(patient: Patient) -> Iterator[Finding]:
    """Hold what the network answers, logits or probabilities, against what the loss takes."""
    with evaluating(patient.model), torch.no_grad():
        y = patient.logits(patient.model, patient.x[:8]).float()
    count = 1 if _single(y) else number_of_answers(patient)
    kind = "softmax" if are_shares(y) else "sigmoid" if _bounded(patient, y) else ""
    if not kind and (share := _cut_off(y)) and _wants_classes(patient, y):
        yield _relu(share)
        return
    if not kind:
        span = f"from {float(y.min()):.3g} to {float(y.max()):.3g}"
        yield Finding(
            check=CHECK,
            verdict="fine",
            title="The network ends in logits",
            figure=f"outputs {span}, rows sum to {float(y.sum(-1).mean()):.3g} on average",
            threshold="probabilities would lie in 0 to 1",
        )
        return
    wanted = _takes_logits(patient, y, count)
    if wanted is False or (wanted is None and kind == "sigmoid"):
        yield Finding(
            check=CHECK,
            verdict="fine",
            title="The network ends in probabilities"
            + (", which its loss takes" if wanted is False else ""),
            figure=f"{kind}: all outputs in 0 to 1",
            threshold="a loss of probabilities, not of logits",
        )
        return
    yield Finding(
        check=CHECK,
        verdict="wrong" if wanted else "warning",
        title="The network ends in probabilities and its loss takes logits"
        if wanted
        else "The network ends in probabilities",
        figure=f"{kind}: every row of the output is in 0 to 1"
        + (" and sums to 1" if kind == "softmax" else ""),
        threshold="logits, of any size; the loss "
        + ("falls with them beyond 1" if wanted else "is not known, cross-entropy takes logits"),
        cause="softmax before the loss",
        why="normalised twice, the loss can never come near zero and its gradient is small",
        next=f"leave the {kind} out of the network; apply it to the logits to predict",
        weight=3,
    )


def _bounded(patient: Patient, y: Tensor) -> bool:
    """Whether outputs stay between 0 and 1 however large the last layer's weights are."""
    if not bool(((y > 0) & (y < 1)).all()):
        return False
    model, _ = patient.fresh()
    layers = [m for m in model.modules() if isinstance(m, nn.Linear | nn.Conv1d | nn.Conv2d)]
    if not layers:
        return False
    with evaluating(model), torch.no_grad():
        layers[-1].weight.mul_(100).add_(torch.randn_like(layers[-1].weight))
        large = patient.logits(model, patient.x[:8]).float()
    return bool(((large >= 0) & (large <= 1)).all()) and not torch.equal(large, y)


def _single(y: Tensor) -> bool:
    """Whether an image has one answer, that of a class against the other."""
    return y.dim() == 1 or (y.dim() == 2 and y.shape[1] == 1)


def _cut_off(y: Tensor) -> float:
    """Return the share of outputs that are exactly 0, where none is below; 0 where few are."""
    share = float((y == 0).float().mean())
    below = bool((y < 0).any()) or not bool((y > 0).any())
    return 0.0 if _single(y) or below or share < ZEROS else share


def _relu(share: float) -> Finding:
    return Finding(
        check=CHECK,
        verdict="warning",
        title="An activation cuts the logits off at 0",
        figure=f"{share:.0%} of the outputs are exactly 0, and none is below",
        threshold=f"{ZEROS:.0%}; about half of what a layer with weights gives lies below 0",
        place="the last layer",
        cause="logits cut off",
        why="a logit at 0 has no gradient: once all are there, the image teaches nothing",
        next="leave the activation after the head out; the loss takes logits of any sign",
        weight=3,
    )


def _wants_classes(patient: Patient, y: Tensor) -> bool:
    """Whether these are to be logits: the loss takes such, or there are labels of so many."""
    wanted = _takes_logits(patient, y, y.shape[1])
    labels = patient.material.labels
    if wanted is not None or labels is None or not patient.material.real:
        return bool(wanted)
    return int(labels.max()) < y.shape[1] <= 2 * int(labels.max()) + 2


def _takes_logits(patient: Patient, y: Tensor, count: int) -> bool | None:
    """Whether the loss falls as right logits grow beyond 1; None where it is not known."""
    training = patient.training
    if training is None or (training.loss is None and training.step is None):
        return None
    if training.loss is None:
        return None if count == 1 else _normalises(output_of_step(patient))
    answers, targets = _fitting(patient, y, count)
    losses = [_told(training.loss, size * answers, targets) for size in (0.0, 2.0, 4.0, 8.0)]
    if not all(torch.isfinite(torch.tensor(losses))):
        return False
    return 0 <= min(losses[1:]) < 0.5 * losses[0]


def _fitting(patient: Patient, y: Tensor, count: int) -> tuple[Tensor, Tensor]:
    """Return right answers of 1 and -1, and targets of the kind that the loss is given."""
    labels, given = torch.arange(16) % max(count, 2), patient.material.y
    if count == 1:
        answers = (2.0 * labels - 1).view(-1, *y.shape[1:])
        shape = (-1, *(given if given is not None else y).shape[1:])
        numbers = given is None or given.is_floating_point()
        return answers, (labels.float() if numbers else labels).view(shape)
    marks = nn.functional.one_hot(labels, count).float()
    many = given is not None and given.is_floating_point() and given.shape[1:] == y.shape[1:]
    return 2 * marks - 1, marks if many else labels


def _normalises(seen: Seen) -> bool:
    """Whether a softmax stands in the loss: its gradient has no part along (1, ..., 1).

    Nor has that of the squared error of probabilities, y - t, which is told apart.
    """
    gradient, size = seen.gradient, seen.gradient.abs().sum(1).max().clamp_min(1e-30)
    error = seen.y.float() - nn.functional.one_hot(seen.labels, seen.y.shape[1])
    alike = torch.cosine_similarity(gradient.flatten(), error.flatten(), dim=0)
    return bool(gradient.sum(1).abs().max() / size < 1e-3) and float(alike) < 0.9999


def _told(loss: Loss, y: Tensor, targets: Tensor) -> float:
    """Return the loss; NaN where it does not take what is no probability, such as BCELoss."""
    try:
        return float(loss(y, targets))
    except (RuntimeError, ValueError, AssertionError, IndexError):
        return float("nan")
