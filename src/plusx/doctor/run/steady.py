"""Did the run go steadily, with a rate that falls, to its end?"""

import math
from collections.abc import Iterator

from plusx.doctor.finding import Finding, NotApplicable
from plusx.doctor.patient import Patient
from plusx.doctor.run.past import FEW, Past, past
from plusx.train.curve_rules import RISING, gain, rising

__all__ = ["jump", "long_enough", "rate", "steady"]

FLAT = 0.05  # of the first loss: what falls by less has no jumps to be held against it
JUMP = 0.25  # of all that the training loss fell; our runs: 0 to 0.01, with mixup to 0.21
KEPT = 0.5  # last rate over the peak; every schedule but "constant" ends below 0.05


def steady(patient: Patient) -> Iterator[Finding]:
    """Look for numbers that are not finite, for steps taken back, and for jumps of the loss."""
    found = past(patient, few=0)
    values = [value for e in found.epochs for value in (e.train_loss, e.val_loss)]
    back = found.log.count("Going back to step")
    ended = found.test is None and "was not finite" in found.log
    if ended or back or not all(map(math.isfinite, values)):
        figure = f"{back} times back to a checkpoint" if back else "a loss that is not a number"
        yield _unstable("wrong", "The loss went astray", figure, weight=3)
        return
    if not found.epochs:
        raise NotApplicable("the run has not ended its first epoch")
    size, epoch = jump(found)
    losses = [each.train_loss for each in found.epochs]
    if size > JUMP and losses[0] - min(losses) > FLAT * losses[0]:
        figure = f"in epoch {epoch} the training loss rose by {size:.0%} of all that it fell"
        yield _unstable("warning", "The loss jumps", figure, weight=1)
        return
    yield Finding(
        check="run.steady",
        verdict="fine",
        title="The loss falls steadily",
        figure=f"largest rise of the training loss: {size:.0%} of all that it fell",
        threshold=_THRESHOLD,
    )


_THRESHOLD = f"{JUMP:.0%} (runs of the zoo: 0 to 1%, with mixup to 21%)"


def jump(found: Past) -> tuple[float, int]:
    """Return the largest rise of the training loss over its lowest before, and its epoch."""
    losses = [epoch.train_loss for epoch in found.epochs]
    fallen = max(losses[0] - min(losses), 1e-9)
    lows = [min(losses[: at + 1]) for at in range(len(losses))]
    at = max(range(len(losses)), key=lambda at: losses[at] - lows[at])
    return (losses[at] - lows[at]) / fallen, found.epochs[at].epoch


def _unstable(verdict: str, title: str, figure: str, *, weight: int) -> Finding:
    return Finding(
        check="run.steady",
        verdict="wrong" if verdict == "wrong" else "warning",
        title=title,
        figure=figure,
        threshold=_THRESHOLD,
        cause="unstable",
        why="steps are too large for the slope that they stand on",
        next="a third of --learning-rate, a longer --warmup, or --clip 1",
        weight=weight,
    )


def rate(patient: Patient) -> Iterator[Finding]:
    """Compare the last learning rate with the peak."""
    found = past(patient, few=FEW)
    peak = max(epoch.learning_rate for epoch in found.epochs)
    kept = found.last.learning_rate / max(peak, 1e-30)
    trouble = kept > KEPT and found.config.epochs == len(found.epochs)
    yield Finding(
        check="run.rate",
        verdict="warning" if trouble else "fine",
        title="The learning rate stays at its peak" if trouble else "The learning rate falls",
        figure=f"it ends at {kept:.2g} of its peak {peak:.2g} ({found.config.schedule})",
        threshold=f"{KEPT:g} (schedules that fall end below 0.05)",
        cause="rate never decayed" if trouble else "",
        why="steps as large as at the start keep jumping across the minimum" if trouble else "",
        next="--schedule cosine, the cheapest gain that there is" if trouble else "",
        weight=3,
    )


def long_enough(patient: Patient) -> Iterator[Finding]:
    """See whether validation was still getting better at the end."""
    found = past(patient, few=FEW)
    trouble = rising(found.epochs, found.num_val)
    yield Finding(
        check="run.long_enough",
        verdict="warning" if trouble else "fine",
        title="It was still getting better at the end" if trouble else "It trained long enough",
        figure=f"validation accuracy gained {100 * (gain(found.epochs) or 0):.1f} points in the "
        "last tenth of the epochs",
        threshold=f"{100 * RISING:.0f} point and two deviations",
        cause="too short" if trouble else "",
        why="the curve had not become flat" if trouble else "",
        next=f"--epochs {2 * len(found.epochs)}" if trouble else "",
        weight=2,
    )
