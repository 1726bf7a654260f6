"""What a page says under its pictures, in plain words."""

import math

from plusx.explain import Faithfulness, Judged, Through
from plusx.explain.address import spoken
from plusx.report.words import number, percent

__all__ = ["beats_chance", "by_halves", "by_unit", "quoted", "removal", "where"]

CLEAR = 0.05
"""What is clear, as a share of what is at stake (`Faithfulness.at_stake`).

One draw of random places differs from the next by 0.01 to 0.06 of it: the deviation over 8 draws
for single photos, of a trained hybrid_resnet20 and of resnet18 and resnet20 with random weights.
"""


def quoted(name: str) -> str:
    """Set a class's name in quotation marks."""
    return f"\N{LEFT DOUBLE QUOTATION MARK}{name}\N{RIGHT DOUBLE QUOTATION MARK}"


def where(main: Judged, index: int, name: str) -> str:
    """Say how to read a map, and how much of the picture it stands on."""
    maps, half = main.maps, main.maps.half(index)
    if not main.of_class:
        return (
            f"What stands out in what the network saw, by {maps.method}, whatever the class: the "
            f"brighter a place glows, the more. Half of the glow is on {percent(half)} of the "
            "picture."
            if half
            else f"{maps.method} finds no place that stands out in what the network saw."
        )
    if not half and not any(bool(raw[index].any()) for raw in maps.raw):
        return (
            f"{maps.method} finds nothing for or against {quoted(name)}: the answer does not "
            "depend on what the network saw at this layer."
        )
    if not half:
        return (
            f"{maps.method} finds no place that speaks for {quoted(name)}: what the network saw "
            "speaks against it everywhere."
        )
    return (
        f"What speaks for {quoted(name)}, by {maps.method}: the brighter a place glows, the more "
        f"the answer rests on it. Half of the glow is on {percent(half)} of the picture."
    )


def beats_chance(found: Faithfulness) -> bool:
    """Tell whether a map is clearly better than random places both ways."""
    return found.costs > CLEAR and found.restores > CLEAR


def removal(found: Faithfulness, name: str) -> str:
    """Say what taking the marked places away does, against places at random."""
    costs, restores = _clearly(found.costs), _clearly(found.restores)
    taken = {
        "clear": "costs clearly more of the answer than taking random ones",
        "unclear": "does not clearly cost more of the answer than taking random ones",
        "no": "costs no more of the answer than taking random ones",
    }[costs]
    put = {
        "clear": "restores it clearly sooner",
        "unclear": "does not clearly restore it sooner",
        "no": "restores it no sooner",
    }[restores]
    joined = "but" if (costs == "clear") != (restores == "clear") else "and"
    return (
        f"The test: how sure the network stays of {quoted(name)} while the picture is painted "
        "over, glowing places first (orange), and while it comes back on an empty one (blue). "
        "Dotted: the same with random places. Here taking the glowing places away "
        f"{taken}, {joined} bringing them back first {put} (mean "
        f"{number(found.deletion)} against {number(found.chance_deletion)}, and "
        f"{number(found.insertion)} against {number(found.chance_insertion)})."
    )


def by_halves(share: float, unit: str) -> str:
    """Say what came by the shortcut and what the transform added."""
    if not math.isfinite(share):
        said = "Nothing in it speaks for the class."
    elif share < 0:
        said = (
            f"All of what speaks for the class came by the shortcut; the transform took "
            f"{percent(min(-share, 9.99))} of it back."
        )
    elif share > 1:
        said = (
            "All of what speaks for the class was added here; what came by the shortcut spoke "
            "against it."
        )
    else:
        said = (
            f"Of what speaks for the class, {percent(1 - share)} was there before this unit and "
            f"came by its shortcut; {percent(share)} was added by its transform."
        )
    return (
        f"The map of {spoken(unit)} is exactly what its shortcut carried plus what its transform "
        f"added. Red speaks for the class, blue against. {said}"
    )


def by_unit(way: Through) -> str:
    """Say which unit first saw what the decision rests on; `way` is of one image."""
    if not bool(way.evidence > 0):
        return (
            "Followed back through the shortcuts, no unit holds evidence for the class: there is "
            "nothing in the map that speaks for it."
        )
    between = float((way.offsets.sum(1) / way.evidence)[0])
    rest = f" What the bars leave, {percent(abs(between))}, was made between units."
    if way.first is None:
        half = "Units and stem bring less than half of it."
    else:
        behind = "the stem, before the first unit" if way.first == "stem" else spoken(way.first)
        half = f"Half of it is there after {behind} (orange)."
    return (
        "The same evidence followed back through all shortcuts: how much of it each unit added. "
        f"{half} A bar to the left took some back.{rest if abs(between) >= 0.01 else ''}"
    )


def _clearly(gap: float) -> str:
    return "clear" if gap > CLEAR else "unclear" if gap > 0 else "no"
