"""Does the loss fit what the network answers, logits or probabilities?"""

from collections.abc import Callable, Iterator

import torch
from torch import Tensor, nn

from plusx.doctor.finding import Finding
from plusx.doctor.learning.answers import are_shares, number_of_answers
from plusx.doctor.learning.output import Seen, output_of_step
from plusx.doctor.patient import Patient, evaluating

__all__ = ["logits_wanted"]

Loss = Callable[[Tensor, Tensor], Tensor]

CHECK = "learning.logits"


def logits_wanted(patient: Patient) -> Iterator[Finding]:
    """Hold what the network answers, logits or probabilities, against what the loss takes."""
    count = number_of_answers(patient)
    with evaluating(patient.model), torch.no_grad():
        y = patient.logits(patient.model, patient.x[:8]).float()
    kind = "softmax" if are_shares(y) else "sigmoid" if _bounded(patient, y) else ""
    if not kind:
        span = f"from {float(y.min()):.3g} to {float(y.max()):.3g}"
        yield Finding(
            check=CHECK,
            verdict="fine",
            title="The network ends in logits",
            figure=f"outputs {span}, rows sum to {float(y.sum(1).mean()):.3g} on average",
            threshold="probabilities would lie in 0 to 1",
        )
        return
    wanted = _takes_logits(patient, count)
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


def _takes_logits(patient: Patient, count: int) -> bool | None:
    """Whether the loss falls as right logits grow beyond 1; None where it is not known."""
    training = patient.training
    if training is None or (training.loss is None and training.step is None):
        return None
    labels = torch.arange(16) % count
    if training.loss is None:
        return _normalises(output_of_step(patient))
    losses = [_told(training.loss, right, labels, count) for right in (0.0, 2.0, 4.0, 8.0)]
    if not all(torch.isfinite(torch.tensor(losses))):
        return False
    return 0 <= min(losses[1:]) < 0.5 * losses[0]


def _normalises(seen: Seen) -> bool:
    """Whether a softmax stands in the loss: its gradient has no part along (1, ..., 1).

    Nor has that of the squared error of probabilities, y - t, which is told apart.
    """
    gradient, size = seen.gradient, seen.gradient.abs().sum(1).max().clamp_min(1e-30)
    error = seen.y.float() - nn.functional.one_hot(seen.labels, seen.y.shape[1])
    alike = torch.cosine_similarity(gradient.flatten(), error.flatten(), dim=0)
    return bool(gradient.sum(1).abs().max() / size < 1e-3) and float(alike) < 0.9999


def _told(loss: Loss, right: float, labels: Tensor, count: int) -> float:
    """Return the loss of logits that are `right` at the labels and as far below 0 elsewhere."""
    y = torch.full((len(labels), count), -right)
    y[torch.arange(len(labels)), labels] = right
    try:
        return float(loss(y, labels))
    except (RuntimeError, ValueError, AssertionError):  # such as BCELoss, of what is not in 0 to 1
        return float("nan")
