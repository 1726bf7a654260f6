"""Has the loss a lower end, where the answers are right?

A cross-entropy is at least 0. -z[label], `NLLLoss` of logits, falls as long as the logits grow, and
so does a loss with its sign turned round: training then drives the weights to infinity.
"""

from collections.abc import Callable, Iterator

import torch
from torch import Tensor, nn

from plusx.doctor.finding import Finding, NotApplicable
from plusx.doctor.learning.answers import are_shares, number_of_answers
from plusx.doctor.learning.output import Seen, output_of_step
from plusx.doctor.mode import evaluating
from plusx.doctor.patient import Patient

__all__ = ["bounded", "need_bounded"]

Loss = Callable[[Tensor, Tensor], Tensor]

CHECK = "learning.bounded"
LOGITS, SIGN, SHARES, FLAT = "logits", "sign", "shares", "flat"
LARGE = (1e2, 1e3)  # logits
DEEP = -10.0  # a loss of logits of 100 that is below is far from any end it may have
NEAR = 1e-4


def bounded(patient: Patient) -> Iterator[Finding]:
    """Let right and wrong answers grow, and see where the loss goes."""
    kind, figure = _seen(patient)
    if not kind:
        yield Finding(
            check=CHECK,
            verdict="fine",
            title="The loss has a lower end",
            figure=figure,
            threshold="a loss that right answers bring down to an end; a cross-entropy's is 0",
        )
        return
    title, why, then = _words(kind)
    yield Finding(
        check=CHECK,
        verdict="wrong",
        title=title,
        figure=figure,
        threshold="a loss that right answers bring down to an end; a cross-entropy's is 0",
        place="loss",
        cause="no step" if kind == FLAT else "loss not bounded",
        why=why,
        next=then,
        weight=3,
    )


def need_bounded(patient: Patient) -> None:
    """Raise `NotApplicable` where the loss falls without end: at any rate, and the more the worse.

    So does whoever asks how far a loss falls.
    """
    try:
        kind, _ = _seen(patient)
    except NotApplicable:
        return
    if kind:
        raise NotApplicable("the loss has no end or no gradient: how far it falls says nothing")


def _words(kind: str) -> tuple[str, str, str]:
    if kind == SIGN:
        return (
            "The loss falls as answers get worse",
            "its sign is turned round: training makes the network as wrong as it can be",
            "minimise the loss itself, not its negative; see what the step subtracts",
        )
    if kind == FLAT:
        return (
            "The loss has no gradient",
            "an argmax, a rounding, a detach or a number of Python's stands between it and the "
            "outputs, and backward() raises or moves nothing",
            "make the loss of the logits themselves, such as CrossEntropyLoss",
        )
    if kind == SHARES:
        return (
            "The loss is minus the probability, its logarithm is missing",
            "NLLLoss takes log-probabilities; of a probability it is -p, with hardly a gradient "
            "where an answer is most wrong",
            "leave the softmax out of the network and take CrossEntropyLoss, of logits",
        )
    return (
        "The loss takes log-probabilities, and the network ends in logits",
        "it is minus the label's logit, so that making all logits larger lowers it without end",
        "take CrossEntropyLoss, of logits; or end the network in log_softmax for NLLLoss",
    )


def _seen(patient: Patient) -> tuple[str, str]:
    """Return what is wrong with the loss, or nothing, and the figure."""
    training = patient.training
    if training is None or (training.loss is None and training.step is None):
        raise NotApplicable("the loss is not known; give training=Training(loss=...)")
    count = number_of_answers(patient)
    if training.step is not None or training.loss is None:
        seen = output_of_step(patient)
        return _of_step(seen, _end_of(seen.y.float()))
    with evaluating(patient.model), torch.no_grad():
        y = patient.logits(patient.model, patient.x[:8]).float()
    return _of_loss(training.loss, _end_of(y), count)


def _end_of(y: Tensor) -> Callable[[Tensor], Tensor]:
    """Return what the network does to its logits at the end, as its outputs show it."""
    if are_shares(y):
        return nn.Softmax(1)
    return nn.LogSoftmax(1) if _are_logs(y) else nn.Identity()


def _are_logs(y: Tensor) -> bool:
    return bool((y <= 0).all()) and are_shares(y.exp())


def _of_loss(loss: Loss, end: Callable[[Tensor], Tensor], count: int) -> tuple[str, str]:
    """Ask the loss of logits that are the larger the surer, at the label and beside it."""
    labels = torch.arange(16) % count
    logits = torch.zeros(16, count, requires_grad=True)
    if not _asked(loss, end(logits), labels).requires_grad:
        return FLAT, "the loss of outputs that ask for a gradient has none"
    right = nn.functional.one_hot(labels, count).float() * 2 - 1
    told = {
        name: [_told(loss, end(size * logits), labels) for size in (0.0, 1.0, *LARGE)]
        for name, logits in (("right", right), ("wrong", right.roll(1, 1)))
    }
    figure = "; ".join(
        f"logits of {LARGE[0]:g} and {LARGE[1]:g} that are {name} have a loss of "
        f"{values[2]:.3g} and {values[3]:.3g}"
        for name, values in told.items()
    )
    if _falls(told["wrong"]):
        return SIGN, figure
    if _falls(told["right"]):
        return LOGITS, figure
    if isinstance(end, nn.Softmax) and _is_minus(loss, labels, count):
        return SHARES, figure
    return "", figure


def _falls(values: list[float]) -> bool:
    """Whether the loss falls in proportion to logits, without any end."""
    start, _, large, larger = values
    return larger < large < min(DEEP, start) and larger < 5 * large


def _is_minus(loss: Loss, labels: Tensor, count: int) -> bool:
    shares = torch.rand(len(labels), count, generator=torch.Generator().manual_seed(0)).softmax(1)
    label = shares.gather(1, labels[:, None])
    return abs(_told(loss, shares, labels) + float(label.mean())) < NEAR


def _of_step(seen: Seen, end: Callable[[Tensor], Tensor]) -> tuple[str, str]:
    """Judge the loss in a step by its gradient at the labels, which are the least likely."""
    at = nn.functional.one_hot(seen.labels, seen.y.shape[1]).float()
    slopes = (seen.gradient * at).sum(1)
    size = float(seen.gradient.abs().max().clamp_min(1e-30))
    figure = f"the loss changes by {float(slopes.mean()):.2g} with the label's output"
    if bool((slopes > NEAR * size).all()):
        return SIGN, figure
    alone = float((seen.gradient * (1 - at)).abs().max()) < NEAR * size
    same = float(slopes.max() - slopes.min()) < NEAR * size
    if alone and same and not isinstance(end, nn.LogSoftmax):
        return SHARES if isinstance(end, nn.Softmax) else LOGITS, figure
    return "", figure


def _told(loss: Loss, y: Tensor, labels: Tensor) -> float:
    return float(_asked(loss, y, labels).detach().float().mean())


def _asked(loss: Loss, y: Tensor, labels: Tensor) -> Tensor:
    try:
        return loss(y, labels)
    except Exception as error:  # of somebody's code
        words = (str(error).strip() or "-").splitlines()[0]
        raise NotApplicable(f"the loss does not take such answers ({words})") from error
