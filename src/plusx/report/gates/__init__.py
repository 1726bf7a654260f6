"""The page of a network's gates: do they answer to the image, where do they look, what is lost."""

from plusx.explain.gate_study import GateStudy
from plusx.report.blocks import facts
from plusx.report.gates.findings import findings, sentence
from plusx.report.gates.labels import Labels, labels
from plusx.report.gates.sections import complexity, dynamics, flow, importance, not_removed, weights
from plusx.report.gates.where import where
from plusx.report.markup import Html, join, tag
from plusx.report.page import Section, page
from plusx.report.verdict import findings as listed
from plusx.report.words import count, time

__all__ = ["build", "sentence"]


def build(found: GateStudy) -> str:
    """Return the page as one HTML file that needs nothing else."""
    by = labels(found.weights)
    sections = [dynamics(found, by), weights(found, by)]
    if found.beside:
        sections.append(where(found, by))
    if found.importance is not None:
        sections.append(importance(found.importance, by))
    elif found.left_out:
        sections.append(not_removed(found.left_out))
    if found.complexity is not None:
        sections.append(complexity(found.complexity, by))
    sections.append(flow(found.flow, by))
    notes = [note for note in found.notes if note != found.left_out]
    if notes:
        body = tag("ul", *(tag("li", note) for note in notes), class_="notes")
        sections.append(
            Section("notes", "Notes", "What to bear in mind, and what was left out.", body)
        )
    return page(
        f"{found.name}: gates",
        header=_header(found, by),
        sections=sections,
        footer="Written by plusx gates. The page loads nothing from elsewhere and runs no script.",
    )


def _header(found: GateStudy, by: Labels) -> Html:
    kinds = [gate.kind for gate in found.weights.gates]
    pairs = {
        "gates": f"{len(kinds):,}",
        "they weigh": ", ".join(
            f"{WEIGHED[kind]} ({kinds.count(kind)})" for kind in dict.fromkeys(kinds)
        ),
        "looked at": count(found.weights.count, "image"),
        "right": f"{found.dynamics.accuracy:.1%}",
        "took": time(found.seconds),
    }
    return join(
        [
            tag("p", f"Gates of {found.name}", class_="kicker"),
            tag("div", tag("h1", sentence(found)), class_="answer"),
            listed(findings(found, by)),
            facts(pairs),
        ]
    )


WEIGHED = {
    "channel": "channels",
    "spatial": "places",
    "both": "channels at places",
    "pairs": "pairs of places",
    "other axes": "branches and other axes",
}
"""What a gate of each kind has a weight for."""
