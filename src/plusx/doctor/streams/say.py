"""What each stream adds to the answer, and what gradient it gets: `analysis.streams`, judged."""

from collections.abc import Iterator
from math import inf, isfinite

from plusx.analysis.stream_figures import Streams
from plusx.analysis.streams import streams
from plusx.doctor.finding import Chart, Finding, NotApplicable
from plusx.doctor.patient import Patient
from plusx.zoo.streams import halves

__all__ = ["gradient", "say", "total"]

CUT_OFF = 1e-3
"""Gradient of a stream against the largest of all."""
NO_SAY = 0.02
"""Share of a stream in what the true class gets."""

_MEASURED = "54 healthy networks of two streams before training:"


def total(patient: Patient) -> Iterator[Finding]:
    """Hold the logits against the sum of those of each stream alone."""
    found = _found(patient)
    if found is None or not found.added:
        return  # streams that meet earlier are not a sum
    wrong = found.difference != 0.0
    yield Finding(
        check="streams.sum",
        verdict="wrong" if wrong else "fine",
        title="The answer is not the sum of the streams'" if wrong else "The streams add up",
        figure=f"the logits differ by at most {found.difference:.3g} from the sum",
        threshold="0.0: they are added in the same order",
        place="head.fusion" if wrong else "",
        cause="streams do not add up" if wrong else "",
        why="something in the head looks at several streams, or a stream at another's features"
        if wrong
        else "",
        next="look for a module that two streams share" if wrong else "",
        weight=2,
    )


def gradient(patient: Patient) -> Iterator[Finding]:
    """Hold the gradients of the streams' parameters against one another."""
    found = _found(patient)
    if found is None:
        return
    if len(patient.x) < 2:
        raise NotApplicable("there is one image, and norms over a batch take two")
    known = {s.name: s.gradient for s in found.streams if s.gradient is not None}
    most = max((norm for norm in known.values() if isfinite(norm)), default=0.0)
    # all of them where none is above 0, and those that are no number
    weak = [name for name, norm in known.items() if not CUT_OFF * most < norm < inf]
    words = ", ".join(f"{name} {norm:.3g}" for name, norm in known.items()) or "all are frozen"
    yield Finding(
        check="streams.gradient",
        verdict="wrong" if weak else "fine",
        title="No gradient of use reaches a stream"
        if weak
        else "The gradient reaches every stream",
        figure=f"norm of the gradient: {words}",
        threshold=f"{CUT_OFF:g} of the largest; {_MEASURED} 0.32 and more",
        place=f"stem.{weak[0]}" if weak else "",
        cause="stream cut off" if weak else "",
        why="its features are detached, or multiplied by nothing where the streams meet"
        if weak
        else "",
        next="look at what follows the stream: its head, or the fusion" if weak else "",
        weight=3,
    )


def say(patient: Patient) -> Iterator[Finding | Chart]:
    """Look for a stream that the answer does not depend on."""
    found = _found(patient)
    if found is None:
        return
    mute = [s for s in found.streams if s.share < NO_SAY]
    yield Finding(
        check="streams.share",
        verdict="warning" if mute else "fine",
        title="A stream has no say" if mute else "Every stream has a say",
        figure=", ".join(f"{s.name} {s.share:.1%}" for s in found.streams)
        + " of what the true class gets",
        threshold=f"{NO_SAY:.0%}; {_MEASURED} 8% and more",
        place=f"stem.{mute[0].name}" if mute else "",
        cause="stream without a say" if mute else "",
        why="the other streams answered first, and left it nothing to learn" if mute else "",
        next=f"leave {mute[0].name} out, or train it alone first" if mute else "",
        weight=2,
    )
    shown = [
        c
        for c in range(len(found.classes))
        if all(s.by_class[c] is not None for s in found.streams)
    ]
    if len(shown) > 1:
        yield Chart(
            name="share of the streams",
            title="Share of each stream by class",
            caption="What each stream gives the true class, against what all give it.",
            x=tuple(found.classes[c] for c in shown),
            lines={s.name: tuple(s.by_class[c] or 0.0 for c in shown) for s in found.streams},
            y_label="share",
        )


def _found(patient: Patient) -> Streams | None:
    """Take the streams apart; None where the network has none, of which there is nothing to say."""
    if halves(patient.model) is None:
        return None
    return streams(patient.model, patient.x, patient.y)
