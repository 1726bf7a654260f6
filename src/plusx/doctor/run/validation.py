"""Is validation easier than training, and why?"""

from collections.abc import Iterator

from plusx.doctor.finding import Finding
from plusx.doctor.images.duplicates import shared
from plusx.doctor.patient import Patient
from plusx.doctor.run.past import FEW, Past, past
from plusx.train.config import TrainConfig
from plusx.train.curve_rules import deviation

__all__ = ["validation"]

CHECK = "run.validation"
CROPS = 0.03  # crops and mirror images alone: our runs -0.03 to 0.016 after 8 epochs
STRONG = 0.15  # what is cut out, recoloured or dropped
SMALL = 200  # validation images


def validation(patient: Patient) -> Iterator[Finding]:
    """Hold validation less training accuracy against what the recipe explains."""
    found = past(patient, few=FEW)
    last = found.last
    gap = last.val_accuracy - last.train_accuracy
    allowed, reasons = _explained(found)
    margin = 2 * deviation(last.val_accuracy, found.num_val)
    figure = f"validation {last.val_accuracy:.1%}, training {last.train_accuracy:.1%}"
    if gap <= allowed + margin:
        easier = gap > margin
        yield Finding(
            check=CHECK,
            verdict="fine",
            title="Validation is easier, as it should be" if easier else "Validation is as hard",
            figure=figure,
            threshold=f"{allowed:.0%} and two deviations ({margin:.1%})",
            why=f"training is made harder by {', '.join(reasons)}" if easier else "",
        )
        return
    overlap = _overlap(patient)
    yield Finding(
        check=CHECK,
        verdict="warning",
        title="Validation is easier than training can explain",
        figure=figure + (f"; {overlap} validation images stand in training" if overlap else ""),
        threshold=f"{allowed:.0%} by {', '.join(reasons)}, and two deviations ({margin:.1%})",
        cause="splits overlap" if overlap else "validation easier",
        why=_why(found, overlap),
        next="split again, by what an image shows" if overlap else "validate on more images",
        weight=3 if overlap else 1,
    )


def _explained(found: Past) -> tuple[float, list[str]]:
    """Return by how much training may look worse, and why."""
    config, epochs = found.config, found.epochs
    lag = max(0.0, epochs[-1].train_accuracy - epochs[-2].train_accuracy)
    reasons = ["crops, and accuracy that is counted while it rises"]
    allowed = CROPS + lag
    strong = _named(config, ("cutout", "erase", "jitter", "drop_path"))
    strong += [str(config.policy)] if config.policy not in (None, "none") else []
    if strong:
        allowed, reasons = allowed + STRONG, reasons + strong
    mixed = _named(config, ("mixup", "cutmix"))
    return (1.0, mixed) if mixed else (allowed, reasons)


def _named(config: TrainConfig, names: tuple[str, ...]) -> list[str]:
    return [name.replace("_", " ") for name in names if getattr(config, name)]


def _overlap(patient: Patient) -> int:
    train, val = patient.material.train, patient.material.val
    return shared(train.images, val.images) if train is not None and val is not None else 0


def _why(found: Past, overlap: int) -> str:
    if overlap:
        return "what was learned by heart counts as known"
    if found.num_val < SMALL:
        return f"{found.num_val} validation images happen to be easy ones"
    return "dropout, or validation images that are easier than those of training"
