"""Did the run learn, and what it was to learn?"""

from collections.abc import Iterator

from plusx.doctor.finding import Finding, NotApplicable
from plusx.doctor.images.study import study
from plusx.doctor.patient import Patient
from plusx.doctor.run.past import FEW, Past, past
from plusx.train.curve_rules import OVERFIT, deviation, hardly_learned, overfits
from plusx.train.optimize import PER_BATCH

__all__ = ["learned", "overfitted"]

FAR = 20


def learned(patient: Patient) -> Iterator[Finding]:
    """Compare the run's accuracy with chance, and with a cheap model's on few images."""
    found = past(patient)
    text = f"accuracy {found.accuracy:.1%}, {found.last.train_accuracy:.1%} in training"
    limit = found.chance + 0.1 * (1 - found.chance)
    threshold = f"{limit:.1%}: a tenth of the way from chance to all"
    if hardly_learned(found.accuracy, found.chance):
        yield _of_rate(found, text) or _underfitted(text, threshold, early=len(found.epochs) < FEW)
        return
    cheap = _cheap(patient)
    if cheap is not None and found.accuracy < cheap - 2 * deviation(cheap, found.num_val) - 0.02:
        yield Finding(
            check="run.learned",
            verdict="warning",
            title="A cheap model does better than this run",
            figure=text,
            threshold=f"{cheap:.1%}: kernel ridge regression on the pixels of 2,000 images",
            cause="too short" if len(found.epochs) < FEW else "underfits",
            why="pixels alone tell more than the network has learned so far",
            next="look at rate and wiring first; then train longer",
            weight=2,
        )
        return
    yield Finding(
        check="run.learned",
        verdict="fine",
        title="The network has learned",
        figure=text,
        threshold=threshold,
    )


def _of_rate(found: Past, figure: str) -> Finding | None:
    """Blame the learning rate of a run that has not learned, where it is far from the usual."""
    config = found.config
    rate, batch = PER_BATCH[config.optimizer]
    usual = rate * (config.batch_size or batch) / batch
    peak = max(epoch.learning_rate for epoch in found.epochs)
    if usual / FAR <= peak <= usual * FAR:
        return None
    word = "high" if peak > usual else "low"
    return Finding(
        check="run.learned",
        verdict="wrong",
        title="The network has hardly learned anything, at an unusual learning rate",
        figure=f"{figure}; learning rate {peak:.2g}",
        threshold=f"{usual:.2g} is usual for {config.optimizer} at this batch; {FAR} times more or "
        "less is far",
        cause=f"rate too {word}",
        why="steps of this length lead nowhere"
        if word == "high"
        else "so short steps lead nowhere",
        next=f"--learning-rate {usual:.1g}, or let `plusx train --find-lr` look for one",
        weight=3,
    )


def _underfitted(figure: str, threshold: str, *, early: bool) -> Finding:
    return Finding(
        check="run.learned",
        verdict="warning" if early else "wrong",
        title="The network has hardly learned anything",
        figure=figure,
        threshold=threshold,
        cause="too short" if early else "underfits",
        why="it stopped before it could" if early else "it does no better than naming one class",
        next="train longer" if early else "look at the learning rate, then at the labels",
        weight=1,
    )


def _cheap(patient: Patient) -> float | None:
    """Return how many labels the training images tell each other, where that is known."""
    try:
        return study(patient).right if patient.material.train is not None else None
    except NotApplicable:
        return None


def overfitted(patient: Patient) -> Iterator[Finding]:
    """Compare the last training and validation accuracies."""
    found: Past = past(patient, few=FEW)
    last = found.last
    trouble = overfits(last, found.num_val)
    margin = 2 * deviation(last.val_accuracy, found.num_val)
    yield Finding(
        check="run.overfitted",
        verdict="warning" if trouble else "fine",
        title="It does much better on the training images than on new ones"
        if trouble
        else "Training and validation lie close together",
        figure=f"training accuracy {last.train_accuracy:.1%}, validation {last.val_accuracy:.1%}",
        threshold=f"{OVERFIT:.0%} and two deviations ({margin:.1%})",
        cause="overfits" if trouble else "",
        why="it learned images by heart that it saw again and again" if trouble else "",
        next="more images; stronger augmentation (--policy, --mixup), more weight decay, or a "
        "smaller network"
        if trouble
        else "",
        weight=2,
    )
