"""Sections: dynamic or fixed, weights by class, importance, complexity, gradients."""

import math
from functools import partial

import numpy as np

from plusx.analysis.drawing import spread, wide_enough
from plusx.analysis.gate_complexity import GateComplexity
from plusx.analysis.gate_flow import GateFlow
from plusx.analysis.gate_importance import GateImportance
from plusx.analysis.gate_weights import GateWeights
from plusx.explain.gate_study import GateStudy
from plusx.report.blocks import details, grid, paragraph, verbatim
from plusx.report.figures import figure
from plusx.report.gates.findings import DOES, SAID
from plusx.report.gates.labels import (
    Labels,
    labelled_complexity,
    labelled_dynamics,
    labelled_flow,
    labelled_importance,
    labelled_weights,
)
from plusx.report.markup import Html, join
from plusx.report.page import Section
from plusx.report.png import plain

__all__ = [
    "complexity",
    "dynamics",
    "flow",
    "height_of",
    "importance",
    "not_removed",
    "shown_weights",
    "weights",
]

ROW = 16  # CSS pixels of a gate in a chart
FLAT = "Every gate has the same weights for all images: there is nothing to correlate."
SAME = 1e-6
"""Deviation over images, of the greatest mean weight, that is rounding."""
DRAWN = 4
"""Gates whose weights by class are drawn."""


def height_of(rows: int) -> int:
    """Return the height of a chart with a row a gate, CSS pixels."""
    return 110 + ROW * rows


def dynamics(found: GateStudy, by: Labels) -> Section:
    """Show what is lost when a gate is a fixed number."""
    short = labelled_dynamics(found.dynamics, by)
    drawn = figure(
        "dynamics-lost",
        short.plot,
        caption="Each gate alone, the input at the top, then all of them. A bar is the 95% "
        "interval of the accuracy lost; one that crosses zero shows nothing.",
        label="Accuracy lost with each gate fixed at its mean, with intervals",
        height=height_of(len(short.gates) + 1),
    )
    return Section(
        "dynamics",
        "Do the gates answer to the image?",
        "A gate is a set of weights that the network makes from what it sees. Here it is replaced "
        "by the mean of its own weights over all images: what is lost is what looking was worth.",
        join(
            [
                grid(drawn),
                details("In figures", verbatim(found.dynamics.table(), label="Gates held fixed")),
            ]
        ),
    )


def shown_weights(found: GateStudy) -> list[str]:
    """Choose gates with several channels, evenly over the depth."""
    names = [gate.name for gate in found.weights.gates if len(gate.mean) > 1]
    return [names[place] for place in spread(len(names), DRAWN)] if names else []


def weights(found: GateStudy, by: Labels) -> Section:
    """Show mean weights by channel and class."""
    rows = min(len(found.weights.classes), 20)
    short = labelled_weights(found.weights, by)
    drawn = [
        figure(
            f"weights-{plain(name)}",
            partial(short.plot, gate=by[name]),
            caption=f"{by[name]} ({found.weights[name].unit or 'no unit'}): a column a channel, "
            f"in the order of its mean weight, a row a class. {_by_class(found.weights, name)}",
            label=f"Heat map of the mean weight of each channel of {name} by class",
            height=110 + ROW * rows,
        )
        for name in shown_weights(found)
    ]
    return Section(
        "weights",
        "Which channels do they let through, and for what?",
        "The mean weight of each channel over the images of a class. A weight of 1 leaves a "
        "channel as it is, one near 0 takes it away.",
        join(
            [
                *([grid(*drawn)] if drawn else [paragraph("No gate weighs channels.")]),
                details("Every gate", verbatim(found.weights.table(), label="Weights by gate")),
            ]
        ),
    )


def _by_class(found: GateWeights, name: str) -> str:
    """Say whether the rows of a gate differ, for the eye finds differences everywhere."""
    gate = found[name]
    if gate.std.max() <= SAME * np.abs(gate.mean).max():
        return "They are the same for every image."
    low, high = float(np.nanmin(gate.by_class)), float(np.nanmax(gate.by_class))
    start, end = wide_enough(gate.by_class)
    flat = "These weights hardly differ. " if (start, end) != (low, high) else ""
    shares = f"{gate.between:.1%} of what they vary lies between the classes"
    if found.beyond_chance(gate):
        return f"{flat}Rows that differ are weights that depend on the class: {shares}."
    return f"{flat}Nothing shows that they depend on the class: {shares}, by chance it may be."


def importance(found: GateImportance, by: Labels) -> Section:
    """Show accuracy against the share of channels kept."""
    drawn = figure(
        "importance-curve",
        labelled_importance(found, by).plot,
        caption="Accuracy against the share of channels kept: those that the gate weighs most, "
        "those whose removal costs most, and some at random (grey: lowest to highest). Where the "
        "heaviest lie above random ones, the gate knows which matter.",
        label=f"Accuracy against the share of channels kept of {found.gate}",
        height=300,
    )
    return Section(
        "importance",
        "Do the channels that they favour matter?",
        f"Channels of {found.gate} are taken away, one and many, and the network is asked again.",
        join([grid(drawn), details("In figures", verbatim(found.table(), label="Channels kept"))]),
    )


def not_removed(why: str) -> Section:
    """Say why no channels were taken away."""
    return Section("importance", "Do the channels that they favour matter?", why, Html(""))


def complexity(found: GateComplexity, by: Labels) -> Section:
    """Show correlations with three measures of the image."""
    gates = len({row.gate for row in found.rows})
    drawn = (
        figure(
            f"complexity-{measure}",
            labelled_complexity(found, by, measure).plot,
            caption=f"How far a gate is from its mean, against {said}: rank correlation with its "
            "95% interval. Right of zero: the more there is to see, the more it departs.",
            label=f"Rank correlation of each gate with {said}",
            height=height_of(gates),
        )
        for measure, said in SAID.items()
    )
    known = any(math.isfinite(row.r) for row in found.rows)
    return Section(
        "complexity",
        "Do they work harder on busy images?",
        "Three measures of how much there is to see in an image, against three of a gate: "
        + "; ".join(f"{does}, {said}" for does, said in DOES.items())
        + ". The charts show the distance. One interval in twenty excludes zero by chance alone.",
        join(
            [
                grid(*drawn) if known else paragraph(FLAT),
                details("In figures", verbatim(found.table(), label="Correlations by gate")),
            ]
        ),
    )


def flow(found: GateFlow, by: Labels) -> Section:
    """Show by which way the gradient passes."""
    drawn = figure(
        "flow-shares",
        labelled_flow(found, by).plot,
        caption="Blue: of the gradient at what a gate looks at, the share that came by the making "
        "of its weights. Orange: of the gradient at the input of its unit, the share that came by "
        "the transform, not the shortcut.",
        label="Share of the gradient by the weights and by the transform, gate by gate",
        height=height_of(len(found.rows)) + 30,
    )
    return Section(
        "flow",
        "Which way does the gradient take?",
        "What a network learns from comes back through the gate in two ways: by the value that is "
        "weighed, and by the weights. A share near zero means that the gate is hardly taught.",
        join(
            [
                grid(drawn),
                details("In figures", verbatim(found.table(), label="Gradients by gate")),
            ]
        ),
    )
