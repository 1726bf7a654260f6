"""What to try next, in the order of what it can gain at most."""

from collections.abc import Iterator

from plusx.doctor.finding import Finding
from plusx.doctor.patient import Patient
from plusx.doctor.run.past import FEW, Past, past
from plusx.train.curve_rules import deviation

__all__ = ["advice"]


def advice(patient: Patient) -> Iterator[Finding]:
    """List what to try, each with the points of accuracy that the curves leave for it."""
    found = past(patient, few=FEW)
    tries = sorted(_tries(found), reverse=True)
    noise = deviation(found.last.val_accuracy, found.num_val)
    worth = [(points, what) for points, what in tries if points > noise]
    words = "; ".join(f"{what} (up to {100 * points:.1f} points)" for points, what in worth)
    yield Finding(
        check="run.next",
        verdict="fine",
        title="What to try next" if worth else "The curves leave little to gain",
        figure=words or f"everything lies below {100 * noise:.1f} points",
        threshold=f"above a deviation of the validation accuracy, {100 * noise:.1f} points",
        next=worth[0][1] if worth else "",
    )


def _tries(found: Past) -> Iterator[tuple[float, str]]:
    """Yield bounds: the gap to training, to all right, the last gains, the noise of the epochs."""
    last, epochs = found.last, found.epochs
    gap = last.train_accuracy - last.val_accuracy
    yield gap, "more images, stronger augmentation or weight decay"
    yield 1 - max(last.train_accuracy, last.val_accuracy), "a larger network"
    quarter = epochs[-max(2, len(epochs) // 4)]
    yield last.val_accuracy - quarter.val_accuracy, f"--epochs {2 * len(epochs)}"
    peak = max(epoch.learning_rate for epoch in epochs)
    if last.learning_rate > 0.5 * peak:
        tail = [epoch.val_accuracy for epoch in epochs[-max(3, len(epochs) // 4) :]]
        yield max(tail) - sum(tail) / len(tail), "--schedule cosine"
