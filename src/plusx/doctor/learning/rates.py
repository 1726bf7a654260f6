"""Which learning rates lower the loss, and is the present one among them?

After Smith 2015, "Cyclical learning rates for training neural networks", arXiv 1506.01186, section
3.3; here every rate starts from the same weights and takes the same batch again and again, so that
nothing is carried over from the rate before and the images make no noise.
"""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from plusx.doctor.finding import Chart, Finding, NotApplicable, TooLong
from plusx.doctor.learning.answers import number_of_answers
from plusx.doctor.learning.bounded import need_bounded
from plusx.doctor.learning.spare import affordable, seconds_for
from plusx.doctor.learning.steps import loss_of, present_rate, raised, take_step
from plusx.doctor.learning.targets import need_targets
from plusx.doctor.learning.usual import low_but_usual
from plusx.doctor.patient import Patient

__all__ = ["Sweep", "judged", "rates"]

CHECK = "learning.rate"
SHARE = 0.2  # of the budget: 12 s of a minute
STEPS = 10  # at each rate
FACTORS = (1.0, 1e-2, 1e2, 1e-1, 1e1, 1e-3, 1e3)  # of the present rate, the most telling first
USUAL = 0.1  # SGD's, with momentum, where no optimizer is given
NEAR = 0.8  # of the best fall


@dataclass(frozen=True)
class Sweep:
    """The loss before any step, and after some at each multiple of the present rate."""

    first: float
    after: Mapping[float, float]

    def fall(self, factor: float) -> float:
        """Return how far the loss falls, as a share of the best; -inf where it is not finite."""
        after = self.after[factor]
        return (self.first - after) / self._best if math.isfinite(after) else -math.inf

    @property
    def _best(self) -> float:
        return self.first - min(x for x in (*self.after.values(), self.first) if math.isfinite(x))

    @property
    def lowers(self) -> bool:
        """Whether any rate lowers the loss by a tenth."""
        return math.isfinite(self.first) and self._best > 0.1 * abs(self.first)

    @property
    def good(self) -> tuple[float, ...]:
        """Return the multiples at which the loss falls nearly as far as at the best."""
        return tuple(sorted(f for f in self.after if self.fall(f) >= NEAR))


def judged(sweep: Sweep) -> tuple[str, str]:
    """Return verdict and cause.

    A rate is too high at which the loss falls less than half as far as at the best, where these
    are a hundred times lower and more; one that ends in no finite number is worth a look.

    Measured: SGD at 0.1, Adam at 1e-3 and 3e-4 fall to 46% and more of the best fall in eight
    networks of the zoo, torchvision and timm, but for a bump in torchvision's resnet18 (SGD), where
    a tenth of the rate is best, and mlp8_512 (SGD), which has no norm and overflows. Rates a
    hundred times lower fall to 1% to 36%, in torchvision's resnet18 with SGD to 89%.
    """
    present, low, high = sweep.fall(1.0), min(sweep.good), max(sweep.good)
    if present < 0.5 and high <= 1e-2:
        return "wrong", "rate too high"
    if present == -math.inf and high <= 0.1:  # a warm-up may save it
        return "warning", "rate too high"
    if present < 0.05 and low >= 1e2:
        return "wrong", "rate too low"
    if (present < 0.05 and low >= 10) or (present < 0.35 and low >= 1e2):
        return "warning", "rate too low"
    return "fine", ""


def rates(patient: Patient) -> Iterator[Finding | Chart]:
    """Take some steps from the start at rates around the present one, or SGD's usual one."""
    seconds = seconds_for(patient, SHARE)
    if patient.training is None or patient.training.loss is None:
        number_of_answers(patient)
    need_targets(patient)
    need_bounded(patient)
    x, labels = _spread(patient)
    x = affordable(patient, x, seconds=seconds / (STEPS * 5))
    if len(x) < 2:
        raise TooLong("a step takes too long for this budget")
    rate = present_rate(_fresh(patient)[1])
    if not rate:
        raise NotApplicable("the learning rate is 0")
    sweep = _sweep(patient, x, labels[: len(x)], seconds=seconds)
    if len(sweep.after) < 3:
        raise TooLong(f"only {len(sweep.after)} rates could be tried in {seconds:.0f} s")
    yield _chart(sweep, rate, given=patient.optimizer is not None)
    if not sweep.lowers:
        raise NotApplicable(f"no rate from {min(sweep.after) * rate:.1g} on lowers the loss")
    yield _finding(sweep, rate, *_judged(patient, sweep, rate))


def _spread(patient: Patient) -> tuple[Tensor, Tensor]:
    """Return 16 images from all over the material, which may be in order of its classes."""
    x, y = patient.material.x, patient.material.y
    if y is None or patient.material.context:
        return patient.x, patient.y
    places = torch.linspace(0, len(x) - 1, min(len(x), len(patient.x))).long()
    return x[places], y[places]


def _fresh(patient: Patient) -> tuple[nn.Module, torch.optim.Optimizer]:
    model, optimizer = patient.fresh()
    return model, optimizer or torch.optim.SGD(model.parameters(), lr=USUAL, momentum=0.9)


def _sweep(patient: Patient, x: Tensor, labels: Tensor, *, seconds: float) -> Sweep:
    end = patient.budget.taken + seconds
    first = _loss(patient, patient.fresh()[0], x, labels)
    after: dict[float, float] = {}
    waiting = list(FACTORS)
    while waiting:
        late = patient.budget.taken > end
        factor = _between(Sweep(first, after)) if late else waiting[0]
        if factor not in waiting:
            break
        waiting.remove(factor)
        model, optimizer = _fresh(patient)
        raised(optimizer, factor)
        for _ in range(STEPS):
            take_step(patient, model, optimizer, x, labels)
        after[factor] = _loss(patient, model, x, labels)
    return Sweep(first, after)


def _between(sweep: Sweep) -> float | None:
    """Return the multiple next to the present rate that may be good where the one beyond it is."""
    if len(sweep.after) < 3:
        return None
    return {"rate too high": 0.1, "rate too low": 10.0}.get(judged(sweep)[1])


def _loss(patient: Patient, model: nn.Module, x: Tensor, labels: Tensor) -> float:
    model.train()
    with torch.no_grad():
        return float(loss_of(patient)(patient.logits(model, x), labels))


def _judged(patient: Patient, sweep: Sweep, rate: float) -> tuple[str, str]:
    if patient.optimizer is None:
        return "", ""
    verdict, cause = judged(sweep)
    usual = cause == "rate too low" and low_but_usual(patient, patient.optimizer, rate)
    return ("fine", "") if usual else (verdict, cause)


def _finding(sweep: Sweep, rate: float, verdict: str, cause: str) -> Finding:
    low, high = min(sweep.good) * rate, max(sweep.good) * rate
    span = f"{low:.1g}" + (f" to {high:.1g}" if high > low else "")
    after = sweep.after[1.0]
    ends = f"{after:.3g}" if math.isfinite(after) else "no finite number"
    title = "The learning rate lowers the loss" if verdict else "Some learning rates lower the loss"
    if verdict and not sweep.fall(1.0) > 0:
        title = "The learning rate is near those that lower the loss"
    if cause:
        title = f"The learning rate of {rate:.2g} is far too {cause.rpartition(' ')[2]}"
    return Finding(
        check=CHECK,
        verdict=verdict or "fine",  # type: ignore[arg-type]
        title=title,
        figure=f"at {rate:.2g} {STEPS} steps on a batch take the loss from {sweep.first:.3g} to "
        f"{ends}; it falls furthest at {span}",
        threshold="a fall, with good rates less than a hundred times away; usual rates fall "
        "about half as far as the best and more",
        cause=cause,
        why=""
        if not cause
        else "a step goes so little way that training ends before it has learned"
        if cause == "rate too low"
        else "a step goes beyond the region in which the gradient tells where the loss falls",
        next=f"train at about {span}, or shorter of it with a warm-up" if cause else "",
        weight=3 if cause else 1,
    )


def _chart(sweep: Sweep, rate: float, *, given: bool) -> Chart:
    factors = sorted(sweep.after)
    after = [sweep.after[factor] for factor in factors]
    most = 3 * sweep.first  # what runs away would hide all the rest
    label = f"after {STEPS} steps"
    return Chart(
        name="learning-rate range",
        title="Which learning rates lower the loss?",
        caption=f"Loss of one batch after {STEPS} steps from the same start at each rate, cut off "
        "at three times the first loss.",
        x=tuple(factor * rate for factor in factors),
        lines={
            label: tuple(min(y, most) if math.isfinite(y) else most for y in after),
            "before": (sweep.first,) * len(factors),
        },
        x_label="learning rate",
        y_label="loss",
        log="x",
        marks=(("present" if given else "SGD's usual", rate),),
    )
