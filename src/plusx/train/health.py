"""How did the run go? A sentence, and the findings behind it."""

from collections.abc import Sequence
from typing import Literal

from plusx.analysis.evaluation import Evaluation
from plusx.train.curve_rules import chance, hardly_learned, overfits, rising
from plusx.train.result import Epoch, Finding, Health, Probe

__all__ = ["health"]

# Rules of thumb, each a wide margin from what healthy runs of the zoo show (LOG.md).
VANISHED = 1e-3  # gradient of the first block over the last's
DEAD = 0.25  # share of an activation's channels that never fire
IDLE = 0.02  # norm of transform over norm of shortcut
MISCALIBRATED = 0.10


def health(
    *,
    epochs: Sequence[Epoch],
    probes: Sequence[Probe],
    test: Evaluation | None,
    num_classes: int,
    num_val: int,
    broken: int,
    stopped: str | None,
) -> Health:
    """Judge a run by its curves, its probes and its test; `stopped` says why it ended early."""
    findings = [
        *_ended(stopped),
        *_learned(epochs, test, num_classes),
        *_curves(epochs, num_val),
        *(_network(probes[-1]) if probes else ()),
        *_certainty(test),
        *_files(broken),
    ]
    order = ("bad", "warning", "note", "good")
    findings.sort(key=lambda finding: order.index(finding.level))
    level: Literal["good", "warning", "bad"] = "good"
    if findings and findings[0].level in ("bad", "warning"):
        level = "bad" if findings[0].level == "bad" else "warning"
    frozen = bool(probes) and any(part.gradient is None for part in probes[-1].signal.parts)
    sentence = _sentence(level, findings, epochs, test, frozen=frozen)
    return Health(level, sentence, tuple(findings))


def _sentence(
    level: str,
    findings: Sequence[Finding],
    epochs: Sequence[Epoch],
    test: Evaluation | None,
    *,
    frozen: bool,
) -> str:
    learns = " that learns" if frozen else ""
    if test is not None:
        result = f"{test.accuracy:.1%} of {test.count:,} test images are classified correctly"
    elif epochs:
        result = f"after {len(epochs)} epochs, {epochs[-1].val_accuracy:.1%} on validation"
    else:
        result = "the run ended before its first epoch did"
    if level == "good":
        return f"Healthy: {result}; gradients reach every part{learns} and no unit is idle."
    start = {"bad": "Something is wrong", "warning": "Worth a look"}[level]
    return f"{start}: {findings[0].title[0].lower()}{findings[0].title[1:]}; {result}."


def _ended(stopped: str | None) -> list[Finding]:
    return [Finding("bad", "The run ended before its last epoch", stopped)] if stopped else []


def _learned(epochs: Sequence[Epoch], test: Evaluation | None, num_classes: int) -> list[Finding]:
    if not epochs:
        return []
    accuracy = test.accuracy if test is not None else max(e.val_accuracy for e in epochs)
    guessed = chance(num_classes, test.confusion if test is not None else None)
    text = f"Accuracy {accuracy:.1%}; always naming the commonest class gives {guessed:.1%}."
    if hardly_learned(accuracy, guessed):
        return [
            Finding(
                "bad",
                "The network has hardly learned anything",
                f"{text} Look at the learning rate and at whether the labels fit the images.",
            )
        ]
    return [Finding("good", "The network has learned", text)]


def _curves(epochs: Sequence[Epoch], num_val: int) -> list[Finding]:
    found = []
    last = epochs[-1] if epochs else None
    if last is not None and overfits(last, num_val):
        found.append(
            Finding(
                "warning",
                "It does much better on the training images than on new ones",
                f"Training accuracy {last.train_accuracy:.1%}, validation "
                f"{last.val_accuracy:.1%}. More images, stronger augmentation or weight decay, "
                "or a smaller network would help.",
            )
        )
    if rising(epochs, num_val):
        found.append(
            Finding(
                "note",
                "It was still getting better at the end",
                "Validation accuracy rose in the last epochs; give it more with --epochs.",
            )
        )
    return found


def _network(probe: Probe) -> list[Finding]:
    found = []
    parts = probe.signal.parts
    norms = {p.name: p.gradient for p in parts if p.gradient is not None}  # frozen ones get none
    blocks = [p.name for p in parts[1:-1] if norms.get(p.name, 0) > 0] or list(norms)
    ratio = norms[blocks[0]] / max(norms[blocks[-1]], 1e-30)
    silent = [name for name, norm in norms.items() if norm == 0]
    if silent:
        found.append(
            Finding(
                "bad",
                "No gradient reaches a part of the network",
                f"{', '.join(silent[:5])} did not learn in the last probe.",
            )
        )
    elif not VANISHED < ratio < 1 / VANISHED:
        word = "vanishes" if ratio < 1 else "explodes"
        found.append(
            Finding(
                "warning",
                f"The gradient {word} on its way to the first layers",
                f"{blocks[0]} gets {ratio:.2g} times the gradient of {blocks[-1]}. "
                "Shortcuts, normalisation or another initialisation would help.",
            )
        )
    dead = [a for a in probe.signal.activations if a.dead > DEAD]
    if dead:
        worst = max(dead, key=lambda a: a.dead)
        found.append(
            Finding(
                "warning",
                "Many channels never fire",
                f"{worst.dead:.0%} of the channels of {worst.name} were zero for every probe "
                f"image ({len(dead)} such places). A lower learning rate usually prevents it.",
            )
        )
    idle = [p.name for p in parts if p.share is not None and p.share < IDLE]
    if idle:
        found.append(
            Finding(
                "note",
                "Some units hardly change their input",
                f"{', '.join(idle[:5])}{' and others' if len(idle) > 5 else ''}: a shallower "
                "network may do as well.",
            )
        )
    return found


def _certainty(test: Evaluation | None) -> list[Finding]:
    if test is None or test.calibration_error <= MISCALIBRATED:
        return []
    sure = sum(b.confidence * b.count for b in test.bins) / test.count
    word = "surer" if sure > test.accuracy else "less sure"
    return [
        Finding(
            "note",
            f"It is {word} of itself than it should be",
            f"Mean confidence {sure:.1%}, accuracy {test.accuracy:.1%}; read its probabilities "
            "with that in mind.",
        )
    ]


def _files(broken: int) -> list[Finding]:
    if not broken:
        return []
    return [
        Finding("warning", "Some files could not be read", f"{broken} were skipped; see the list.")
    ]
