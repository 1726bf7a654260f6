"""Is the first loss that of guessing, ln(classes)?"""

import math
from collections.abc import Iterator

from plusx.doctor.age import untrained
from plusx.doctor.finding import Finding, NotApplicable
from plusx.doctor.patient import Patient

__all__ = ["loss"]

CHECK = "signal.loss"
ABOVE = 12.0


def loss(patient: Patient) -> Iterator[Finding]:
    """Compare the loss of an untrained network with ln(classes)."""
    new = untrained(patient.model)
    labelled = patient.material.real and patient.material.labels is not None
    if new is False or (new is None and not labelled):
        raise NotApplicable("only the loss of a network that is not trained yet says something")
    if patient.material.y is not None and patient.material.labels is None:
        raise NotApplicable("the targets are no classes")
    passing = patient.passing
    if passing.classes < 2:
        raise NotApplicable("the network does not give logits, (batch, classes)")
    guess = math.log(passing.classes)
    high = not passing.loss <= guess + ABOVE
    yield Finding(
        check=CHECK,
        verdict="warning" if high else "fine",
        title="The first loss is far above guessing"
        if high
        else "The first loss is near that of guessing",
        figure=f"{passing.loss:.3g}, ln {passing.classes} = {guess:.3g}; logits with a standard "
        f"deviation of {passing.spread:.2g}",
        threshold=f"at most {ABOVE:g} above ln(classes); healthy networks of the zoo: up to "
        "1.6, of torchvision and timm up to 9.2 (mnasnet1_0)",
        place="the head" if high else "",
        cause="initialised too large" if high else "",
        why="the logits are far too large, so the network is sure of what it cannot know"
        if high
        else "",
        next="look at the scale of the last layers; start the last at zero or small"
        if high
        else "",
        weight=1,
    )
