"""What the figures of a gate study say, in plain words."""

import math

from plusx.explain.gate_study import GateStudy
from plusx.report.gates.labels import Labels
from plusx.report.words import count
from plusx.train.result import Finding

__all__ = ["findings", "sentence"]

NEGLIGIBLE = 0.01
"""Change of the logits, against their own spread, below which a gate does nothing."""


def sentence(found: GateStudy) -> str:
    """Say in one sentence whether the gates need to look at the image."""
    if found.untrained:
        return (
            f"{found.name} is not trained: its weights are random, and its gates weigh by chance."
        )
    together = found.dynamics.together
    low, high = together.interval
    if low > 0:
        lost = f"{100 * together.lost:.1f} points of accuracy"
        ends = f"{100 * low:.1f} to {100 * high:.1f}"
        return (
            f"The gates answer to the image: held at their means they cost {lost} (95% interval "
            f"{ends})."
        )
    gained = f"the accuracy changes by {-100 * together.lost:+z.1f} points"
    ends = f"{-100 * high:+z.1f} to {-100 * low:+z.1f}"
    if high < 0:
        return f"The gates do harm: held at their means {gained} (95% interval {ends})."
    if together.change < NEGLIGIBLE:
        return "The gates hardly answer to the image: held at their means the network is the same."
    return (
        "The gates change with the image, but nothing shows that the network needs it: held at "
        f"their means {gained}, which {count(found.dynamics.count, 'image')} do not tell from none "
        f"(95% interval {ends})."
    )


def findings(found: GateStudy, by: Labels) -> tuple[Finding, ...]:
    """List what was found: of each question, one answer with its figures."""
    asked = (_random, _still, _classes, _places, _channels, _complexity)
    made = (question(found, by) for question in asked)
    return tuple(finding for finding in made if finding is not None)


def _random(found: GateStudy, by: Labels) -> Finding | None:
    if not found.untrained:
        return None
    return Finding(
        "warning",
        "All that follows is of random weights",
        "It says what the network starts from, and nothing of what its gates learn: give a "
        "trained network, or --weights.",
    )


def _still(found: GateStudy, by: Labels) -> Finding | None:
    idle = [row.name for row in found.dynamics.gates if row.change < NEGLIGIBLE]
    if not idle:
        return None
    named = ", ".join(by[name] for name in idle[:4]) + (" and others" if len(idle) > 4 else "")
    return Finding(
        "note",
        f"{len(idle)} of {count(len(found.dynamics.gates), 'gate')} could be fixed numbers",
        f"Held at its mean weights, each of them ({named}) changes the answers by less than "
        f"{NEGLIGIBLE:.0%} of their spread.",
    )


def _classes(found: GateStudy, by: Labels) -> Finding:
    most = max(found.weights.gates, key=lambda gate: gate.between)
    title = f"The gate that tells classes apart most is {by[most.name]}"
    if not found.weights.beyond_chance(most):
        title = "Nothing shows that a gate tells classes apart"
    return Finding(
        "note",
        title,
        f"Of what the weights of {by[most.name]} vary {most.between:.1%} lies between the classes, "
        f"the most of all gates; were images dealt out to classes at random, it would be "
        f"{most.chance:.1%} on average.",
    )


def _places(found: GateStudy, by: Labels) -> Finding | None:
    known = [each for each in found.beside if math.isfinite(each.interval[0])]
    if not known:
        return None
    last = known[-1]
    low, high = last.interval
    figures = (
        f"The map of {by[last.gate]} and Grad-CAM of the same unit correlate by {last.mean:.2f} "
        f"(mean over images; 95% interval {low:.2f} to {high:.2f})."
    )
    if low > 0:
        return Finding("good", "The last gate of places looks where the answer comes from", figures)
    if high < 0:
        title = "The last gate of places turns down what the answer rests on"
        return Finding("warning", title, figures)
    title = "Nothing shows that the last gate of places looks where the answer comes from"
    return Finding("note", title, figures)


def _channels(found: GateStudy, by: Labels) -> Finding | None:
    one = found.importance
    if one is None or one.agreement is None or one.agreement_interval is None:
        return None
    low, high = one.agreement_interval
    heavy = f"eavy channels of {by[one.gate]}"
    some = [kept for kept in one.kept if 0 < kept.share < 1]
    better = sum(kept.by_weight > max(kept.random) for kept in some)
    title = f"Nothing shows that h{heavy} matter more"
    if high < 0:
        title = f"H{heavy} matter less"
    elif low > 0:
        title = f"H{heavy} matter more" if better else f"H{heavy} matter more alone, not together"
    return Finding(
        "note",
        title,
        "Rank correlation of a channel's mean weight with the rise of the loss when it is removed: "
        f"{one.agreement:.2f} (95% interval {low:.2f} to {high:.2f}), over {len(one.channels)} "
        f"channels and {one.count:,} images. The heaviest kept together are better than all "
        f"random choices at {better} of {count(len(some), 'share')}.",
    )


def _complexity(found: GateStudy, by: Labels) -> Finding | None:
    if found.complexity is None:
        return None
    rows = [row for row in found.complexity.rows if math.isfinite(row.r)]
    if not rows:
        return None
    sure = [row for row in rows if row.low > 0 or row.high < 0]
    most = max(rows, key=lambda row: abs(row.r))
    return Finding(
        "note",
        f"{len(sure)} of {len(rows)} correlations with the complexity of the image exclude 0",
        f"By chance alone about {len(rows) / 20:.0f} would. The strongest is {most.r:.2f} "
        f"({most.low:.2f} to {most.high:.2f}): the {most.does} of {by[most.gate]}, which is "
        f"{DOES[most.does]}, with {SAID[most.measure]}.",
    )


DOES = {
    "strength": "its mean weight",
    "spread": "how much its weights differ within the image",
    "distance": "how far they are from their mean over all images",
}
"""What a gate does, in words."""
SAID = {
    "edges": "the share of edges",
    "entropy": "the entropy of the grey values",
    "size": "the size of the compressed image",
}
"""The measures of complexity in words."""
