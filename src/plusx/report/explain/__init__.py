"""The page of an explanation: the answer, where it comes from, how far to trust it."""

from collections import Counter

from plusx.explain import Decision, Features
from plusx.explain.address import spoken
from plusx.report.blocks import facts
from plusx.report.explain.features import features as shown
from plusx.report.explain.image import image
from plusx.report.explain.sentences import quoted
from plusx.report.explain.trust import findings, trust
from plusx.report.markup import Html, join, tag
from plusx.report.page import Section, page
from plusx.report.verdict import findings as listed
from plusx.report.words import count, percent, time
from plusx.train.result import Finding

__all__ = ["build"]

FLAT = 0.9
"""Answers whose entropy is more than this share of the largest are all but a guess."""


def build(found: Decision, features: Features | None = None) -> str:
    """Return the page as one HTML file that needs nothing else."""
    sections = [image(found, index) for index in range(len(found.images))]
    sections.append(trust(found))
    if features is not None:
        sections.append(shown(features))
    if found.notes:
        body = tag("ul", *(tag("li", note) for note in found.notes), class_="notes")
        sections.append(Section("notes", "Notes", "What was chosen by itself, or left out.", body))
    return page(
        f"{found.name}: explanation",
        header=_header(found),
        sections=sections,
        footer="Written by plusx explain. The page loads nothing else and runs no script.",
    )


def _header(found: Decision) -> Html:
    units = {name for way in found.ways for name in way.through.units}
    pairs = {
        "images": f"{len(found.images):,}",
        "classes": f"{len(found.classes):,}",
        "main method": found.main.maps.method,
        "looked at": ", ".join(map(spoken, found.main.maps.layers)),
        **({"residual units": f"{len(units):,}"} if units else {}),
        "took": time(found.seconds),
    }
    return join(
        [
            tag("p", f"Explanation of {found.name}", class_="kicker"),
            tag("div", tag("h1", _sentence(found)), class_="answer"),
            listed((*_of_answers(found), *findings(found))),
            facts(pairs),
        ]
    )


def _sentence(found: Decision) -> str:
    if len(found.images) == 1:
        (name, sure), *_ = found.top(0)
        half = found.main.maps.half(0)
        explained, _ = found.target(0)
        it = "it" if explained == name else quoted(explained)
        what = f"speaks for {it}" if found.main.of_class else "stands out"
        on = f"; half of what {what} is on {percent(half)} of the picture" if half else ""
        return f"The network says {quoted(name)} and is {percent(sure)} sure{on}."
    counts = Counter(found.top(index)[0][0] for index in range(len(found.images)))
    first = [f"{quoted(name)} ({number})" for name, number in counts.most_common(4)]
    more = len(counts) - len(first)
    named = ", ".join(first) + (f" and {more} more" if more > 0 else "")
    return f"{count(len(found.images), 'image')}, which the network calls {named}."


def _of_answers(found: Decision) -> tuple[Finding, ...]:
    """Say where the answers themselves are worth little."""
    p = found.probabilities.double()
    entropy = float(-(p * p.clamp_min(1e-300).log()).sum(1).mean())
    most = float(p.new_tensor(p.shape[1]).log())
    if entropy > FLAT * most:
        return (
            Finding(
                "warning",
                "The network hardly decides: its answers are close to a guess",
                f"The probabilities are nearly spread over all {p.shape[1]:,} classes. A map "
                "explains little where there is no answer; was the network trained?",
            ),
        )
    truths = [(found.images.truth(i), found.top(i)[0][0]) for i in range(len(found.images))]
    known = [truth == said for truth, said in truths if truth is not None]
    wrong = known.count(False)
    if not wrong:
        return ()
    return (
        Finding(
            "note",
            f"{count(wrong, 'answer')} of {len(known)} wrong, by the names of the folders",
            "A map of a wrong answer shows what misled the network.",
        ),
    )
