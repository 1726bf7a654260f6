"""Section: how far each method can be trusted, on this network."""

from plusx.explain import Decision, Judged
from plusx.explain.randomised import SAME
from plusx.report.blocks import table
from plusx.report.explain.sentences import beats_chance
from plusx.report.markup import Html, join, tag
from plusx.report.page import Section
from plusx.report.verdict import chip
from plusx.report.words import number
from plusx.train.result import Finding

__all__ = ["findings", "trust", "verdict"]

HEAD = ("method", "check", "random weights", "taken away", "random places", "put back",
        "random places", "under noise")  # fmt: skip


def verdict(each: Judged) -> Html:
    """Mark a method by whether its maps depend on what the network learned."""
    return chip("good" if each.sanity.passed else "warning", word=_word(each))


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
                table(HEAD, lines, label="Checks of the methods", words=2),
                tag("ul", *(tag("li", line) for line in words), class_="notes"),
            ]
        ),
    )


def findings(found: Decision) -> tuple[Finding, ...]:
    """Say what the checks found: of the main method, and which others to leave aside."""
    main = found.main
    failed = [each.maps.method for each in found.judged[1:] if not each.sanity.passed]
    return (
        _of_weights(main),
        _of_places(main),
        *([_others(failed)] if failed else []),
    )


def _line(each: Judged) -> tuple[str, ...]:
    areas = each.faithfulness
    figures = (
        each.sanity.correlations[-1],
        areas.deletion,
        areas.chance_deletion,
        areas.insertion,
        areas.chance_insertion,
        each.stability.correlation,
    )
    return (each.maps.method, _word(each), *(f"{figure:.3f}" for figure in figures))


def _word(each: Judged) -> str:
    return "passes" if each.sanity.passed else "does not pass"


def _of_weights(main: Judged) -> Finding:
    alike = number(round(main.sanity.correlations[-1], 2))
    if main.sanity.passed:
        return Finding(
            "good",
            f"The maps of {main.maps.method} depend on the weights of the network",
            f"With random weights they are others (agreement {alike}, of 1 for the same map).",
        )
    return Finding(
        "warning",
        f"The maps of {main.maps.method} hardly depend on the weights of the network",
        f"With random weights they are much the same (agreement {alike}, expected below "
        f"{SAME:g}): it shows the edges of the picture. Look at a method that passes below.",
    )


def _of_places(main: Judged) -> Finding:
    areas = main.faithfulness
    said = (
        f"While they are taken away the mean probability is {number(areas.deletion)} (random "
        f"places: {number(areas.chance_deletion)}), while they are put back "
        f"{number(areas.insertion)} (random places: {number(areas.chance_insertion)})."
    )
    if beats_chance(areas):
        return Finding("good", "The answer goes with the places that the maps name", said)
    return Finding(
        "warning",
        "The places that the maps name matter hardly more than random ones",
        f"{said} The maps are a rough guide at best: the network may use the whole picture.",
    )


def _others(failed: list[str]) -> Finding:
    return Finding(
        "warning",
        f"{', '.join(failed)}: not about this network",
        "With random weights the maps are much the same. They are shown, and marked.",
    )
