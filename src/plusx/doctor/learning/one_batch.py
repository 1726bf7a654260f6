"""Can the network learn a single batch by heart? One that cannot learns nothing else.

Zhang et al. 2017, "Understanding deep learning requires rethinking generalization", section 2.1:
networks that work fit labels that are dealt out at random.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from plusx.doctor.finding import Finding, NotApplicable, TooLong
from plusx.doctor.learning.answers import are_shares, number_of_answers, surprise
from plusx.doctor.learning.spare import affordable, seconds_for
from plusx.doctor.patient import Patient

__all__ = ["one_batch"]

CHECK = "learning.one_batch"
SHARE = 0.09  # of the budget: 5.4 s of a minute
RATES = (1e-3, 1e-4, 1e-2)  # of Adam
FIRST = 15  # steps at each
MOST = 200  # at the best of them
NEAR_ZERO, NOTHING = 0.2, 0.95  # shares of what a constant answer reaches
ENOUGH = 60  # steps without any success before a network is said not to learn
ALIKE = 3e-4  # deviation of a logit from image to image; within 60 steps 0.02 and more in healthy
# networks, fixup_resnet56 the slowest of them, which starts at 0


@dataclass(eq=False)
class _Attempt:
    """A copy that learns the batch with Adam at one rate, and its loss before each step."""

    model: nn.Module
    optimizer: torch.optim.Optimizer
    losses: list[float] = field(default_factory=list)
    spread: float = 0.0  # the largest deviation of the logits from image to image

    @property
    def best(self) -> float:
        finite = [loss for loss in self.losses if math.isfinite(loss)]
        return min(finite, default=math.inf)


def one_batch(patient: Patient) -> Iterator[Finding]:
    """Learn some images with labels dealt out evenly, dropout and stochastic depth switched off.

    A constant answer comes to the entropy of the labels, ln(number of labels), and no lower.
    """
    seconds = seconds_for(patient, SHARE)
    count = number_of_answers(patient)
    x = affordable(patient, patient.x, seconds=seconds / 25)
    if len(x) < 2:
        raise TooLong("a step takes too long for this budget")
    if not _differ(x):
        raise NotApplicable("the images are all alike")
    labels = torch.arange(len(x)) % count
    constant = math.log(min(len(x), count))
    attempts = _learn(patient, x, labels, seconds=seconds, goal=NEAR_ZERO * constant)
    best = min(attempt.best for attempt in attempts)
    steps = sum(len(attempt.losses) for attempt in attempts)
    spread = max(attempt.spread for attempt in attempts)
    figure = f"{attempts[0].losses[0]:.3g} before, {best:.2g} at best in {steps} steps"
    against = f"a constant answer comes to {constant:.3g}"
    if best <= NEAR_ZERO * constant:
        yield Finding(
            check=CHECK,
            verdict="fine",
            title=f"It learns {len(x)} images by heart",
            figure=figure,
            threshold=f"{NEAR_ZERO * constant:.2g}, a fifth of what {against}",
        )
        return
    if best > NOTHING * constant and steps >= ENOUGH and spread < ALIKE:
        yield Finding(
            check=CHECK,
            verdict="wrong",
            title=f"It cannot learn {len(x)} images by heart",
            figure=f"{figure}; its logits differ by {spread:.1g} from image to image",
            threshold=f"{against}; logits of healthy networks come to differ by 0.02 and more",
            cause="does not learn",
            why="it gives all images the same answer, and no gradient leads away from that",
            next="mend what else is found first; then look for dead layers and lost gradients",
        )
        return
    raise NotApplicable(f"not learned by heart in {seconds:.0f} s ({figure}; {against})")


def _among(y: Tensor, labels: Tensor) -> Tensor:
    """Leave the classes that are asked for, so that no step is spent on the others."""
    y = y[:, : int(labels.max()) + 1]
    return y / y.sum(1, keepdim=True).clamp_min(1e-30) if are_shares(y) else y


def _differ(x: Tensor) -> bool:
    return not bool((x[1:] == x[:1]).all())


def _learn(
    patient: Patient, x: Tensor, labels: Tensor, *, seconds: float, goal: float
) -> list[_Attempt]:
    """Try the rates one after the other, then go on with the best, until the goal or time's end."""
    end = patient.budget.taken + seconds
    attempts: list[_Attempt] = []
    for rate in RATES:
        attempts.append(_attempt(patient, rate))
        _go_on(patient, attempts[-1], x, labels, steps=FIRST, end=end, goal=goal)
        if min(a.best for a in attempts) <= goal or patient.budget.taken > end:
            return attempts
    best = min(attempts, key=lambda attempt: attempt.best)
    _go_on(patient, best, x, labels, steps=MOST, end=end, goal=goal)
    return attempts


def _attempt(patient: Patient, rate: float) -> _Attempt:
    model, _ = patient.fresh()
    model.eval()
    for module in model.modules():
        if isinstance(module, nn.modules.batchnorm._BatchNorm):
            module.train()  # as in training; what draws at random stays off
    learning = [p for p in model.parameters() if p.requires_grad]
    if not learning:
        raise NotApplicable("every parameter is frozen")
    return _Attempt(model, torch.optim.Adam(learning, lr=rate))


def _go_on(
    patient: Patient,
    attempt: _Attempt,
    x: Tensor,
    labels: Tensor,
    *,
    steps: int,
    end: float,
    goal: float,
) -> None:
    for _ in range(steps):
        if patient.budget.taken > end and attempt.losses:
            return
        attempt.optimizer.zero_grad()
        y = _among(patient.logits(attempt.model, x), labels)
        attempt.spread = max(attempt.spread, float(y.detach().std(0).mean()))
        loss = surprise(y, labels)
        attempt.losses.append(float(loss.detach()))
        if not loss.requires_grad:
            raise NotApplicable("the output does not depend on any parameter that learns")
        if attempt.losses[-1] <= goal or not math.isfinite(attempt.losses[-1]):
            return
        loss.backward()
        attempt.optimizer.step()
