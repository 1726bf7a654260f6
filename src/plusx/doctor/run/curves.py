"""The curves of the run, to look at."""

from collections.abc import Iterator

from plusx.doctor.finding import Chart
from plusx.doctor.patient import Patient
from plusx.doctor.run.past import past

__all__ = ["curves"]


def curves(patient: Patient) -> Iterator[Chart]:
    """Draw loss, accuracy and learning rate by epoch."""
    epochs = past(patient).epochs
    x = tuple(float(epoch.epoch) for epoch in epochs)
    best = max(epochs, key=lambda epoch: (epoch.val_accuracy, -epoch.val_loss))
    marks = (("best", float(best.epoch)),)
    yield Chart(
        name="run.loss",
        title="Loss by epoch",
        caption="Of training with augmentation and label smoothing, of validation without.",
        x=x,
        lines={
            "training": tuple(epoch.train_loss for epoch in epochs),
            "validation": tuple(epoch.val_loss for epoch in epochs),
        },
        x_label="epoch",
        y_label="loss",
        marks=marks,
    )
    yield Chart(
        name="run.accuracy",
        title="Accuracy by epoch",
        caption="Training is counted while it goes on, on augmented images.",
        x=x,
        lines={
            "training": tuple(epoch.train_accuracy for epoch in epochs),
            "validation": tuple(epoch.val_accuracy for epoch in epochs),
        },
        x_label="epoch",
        y_label="accuracy",
        marks=marks,
    )
    yield Chart(
        name="run.rate",
        title="Learning rate at the end of each epoch",
        caption="A rate that never falls leaves the weights jumping about the minimum.",
        x=x,
        lines={"learning rate": tuple(epoch.learning_rate for epoch in epochs)},
        x_label="epoch",
        y_label="learning rate",
        log="y" if all(epoch.learning_rate > 0 for epoch in epochs) else "",
    )
