"""Section: how far each method can be trusted, on this network."""

from plusx.explain import Decision, Judged
from plusx.explain.decision import CHECKS
from plusx.explain.known import shown
from plusx.explain.randomised import SAME
from plusx.report.blocks import table
from plusx.report.explain.sentences import beats_chance
from plusx.report.markup import Html, join, tag
from plusx.report.page import Section
from plusx.report.verdict import chip
from plusx.report.words import number
from plusx.train.result import Finding

__all__ = ["findings", "trust", "verdict"]

MUCH = 0.7
"""Maps that agree so much look the same to the eye."""


def verdict(each: Judged) -> Html:
    """Mark a method by whether its maps depend on what the network learned."""
    level = {True: "good", False: "warning", None: "note"}[each.sanity.passed]
    return chip(level, word=each.sanity.verdict)


def trust(found: Decision) -> Section:
    """Show the figures of all methods, and how to read them."""
    lines = [_line(each) for each in found.judged]
    words = (
        f"random weights: how alike the maps are when the network's weights are drawn at random "
        f"(rank correlation, 1 is the same map). A map that explains this network must change: "
        f"from {SAME:g} on the method does not pass.",
        "taken away, put back: the mean probability of the class while the places that the map "
        "names vanish, or return, the strongest first. Good maps are below random places in the "
        "first and above them in the second.",
        "under noise: how alike the maps stay when the picture gets noise that nobody sees; near "
        "1 is good.",
    )
    return Section(
        "trust",
        "Whether the maps can be believed",
        "A map always looks convincing. These are checks of whether it says something about this "
        "network: that it changes when the network is another, and that the answer goes with the "
        "places it names.",
        join(
            [
                table(CHECKS, lines, label="Checks of the methods", words=2),
                tag("ul", *(tag("li", line) for line in words), class_="notes"),
            ]
        ),
    )


def findings(found: Decision) -> tuple[Finding, ...]:
    """Say what the checks found: of the main method, and which others to leave aside."""
    main = found.main
    failed = [each for each in found.judged[1:] if each.sanity.passed is False]
    return (
        _of_weights(main, [each for each in found.judged if each.sanity.passed]),
        _of_places(main),
        *([_others(failed)] if failed else []),
    )


def _line(each: Judged) -> tuple[str, ...]:
    areas = each.faithfulness
    return (
        each.maps.method,
        each.sanity.verdict,
        _alike(each),
        number(areas.deletion),
        number(areas.chance_deletion),
        number(areas.insertion),
        number(areas.chance_insertion),
        shown(each.stability.correlation),
    )


def _of_weights(main: Judged, passing: list[Judged]) -> Finding:
    alike = _alike(main)
    if main.sanity.passed is None:
        return Finding(
            "note",
            f"Whether the maps of {main.maps.method} depend on the weights cannot be told",
            "On the images of this check they are empty: there is nothing that could change.",
        )
    if main.sanity.passed:
        return Finding(
            "good",
            f"The maps of {main.maps.method} depend on the weights of the network",
            f"With random weights they are others (agreement {alike}, of 1 for the same map).",
        )
    step = (
        f"Look at {' or '.join(each.maps.method for each in passing)}, which passes."
        if passing
        else "No method that was asked passes: try others with --method all, or an earlier --unit."
    )
    much = main.sanity.correlations[-1] >= MUCH
    depend = "hardly depend" if much else "depend only in part"
    why = "it shows the picture" if much else "part of what it shows is the picture"
    return Finding(
        "warning",
        f"The maps of {main.maps.method} {depend} on the weights of the network",
        f"With random weights they are {_how_alike(main)} (agreement {alike}, expected below "
        f"{SAME:g}): {why}, not what the network learned. {step}",
    )


def _of_places(main: Judged) -> Finding:
    areas = main.faithfulness
    if not bool(main.maps.maps.any()):
        return Finding(
            "warning",
            f"The maps of {main.maps.method} name no place",
            "There is nothing on them to check. Look by another --method, or at another class.",
        )
    said = (
        f"While they are taken away the mean probability is {number(areas.deletion)} (random "
        f"places: {number(areas.chance_deletion)}), while they are put back "
        f"{number(areas.insertion)} (random places: {number(areas.chance_insertion)})."
    )
    if beats_chance(areas):
        return Finding("good", "The answer goes with the places that the maps name", said)
    no = areas.costs <= 0 and areas.restores <= 0
    return Finding(
        "warning",
        "The places that the maps name matter no more than random ones"
        if no
        else "It is not clear that the places that the maps name matter more than random ones",
        f"{said} The maps are a rough guide at best: the network may use the whole picture.",
    )


def _others(failed: list[Judged]) -> Finding:
    names = ", ".join(each.maps.method for each in failed)
    much = all(each.sanity.correlations[-1] >= MUCH for each in failed)
    figures = "; ".join(f"{e.maps.method} {_how_alike(e)}, {_alike(e)}" for e in failed)
    return Finding(
        "warning",
        f"{names}: {'hardly' if much else 'only in part'} about this network",
        f"With random weights the maps are alike ({figures}). They are shown, and marked.",
    )


def _alike(each: Judged) -> str:
    return shown(each.sanity.correlations[-1])


def _how_alike(each: Judged) -> str:
    return "much the same" if each.sanity.correlations[-1] >= MUCH else "partly the same"
