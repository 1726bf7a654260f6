"""The same layers about other sums: where a skip starts and ends, and what follows it."""

from dataclasses import replace

from plusx.doctor.identity.layer import Layer, words
from plusx.doctor.identity.outline import Outline
from plusx.doctor.identity.unlike import Difference

__all__ = ["moved", "opens_first"]

Keys = list[tuple[str, str]]


def moved(given: Outline, meant: Outline) -> Difference | None:
    """Compare the order of layers, unit by unit, with what stands around it."""
    if len(given.rows) != len(meant.rows):
        return None
    places = range(len(given.rows))
    found = [said for place in places if (said := _transform(given, meant, place))]
    found = found or [said for place in places if (said := _gap(given, meant, place + 1))]
    return replace(found[0], count=len(found)) if found else _gap(given, meant, 0)


def opens_first(layers: tuple[Layer, ...]) -> bool:
    """Tell whether a transform begins with a norm or an activation: He et al. 2016."""
    return bool(layers) and layers[0].kind in ("norm", "act")


def _keys(layers: tuple[Layer, ...]) -> Keys:
    return [(x.kind, x.form if x.kind == "conv" else "") for x in layers if x.kind != "pool"]


def _transform(given: Outline, meant: Outline, place: int) -> Difference | None:
    one, other = given.rows[place], meant.rows[place]
    a, b = _keys(one.transform), _keys(other.transform)
    if a == b:
        return None
    before, after = _keys(given.gaps[place]), _keys(given.gaps[place + 1])
    said = f"{words(one.transform)} instead of {words(other.transform)}"
    lacks = len(b) - len(a)
    if lacks > 0 and b[lacks:] == a and before[-lacks:] == b[:lacks]:
        start = words(other.transform[:lacks])
        said = f"the skip starts behind {start}, which belongs to its transform"
        return Difference("shortcut from elsewhere", said, one.name)
    if lacks > 0 and b[:-lacks] == a and after[:lacks] == b[-lacks:] and after[0][0] == "norm":
        return Difference("shortcut before the norm", "the sum stands before the norm", one.name)
    if lacks < 0 and a[-lacks:] == b and _keys(meant.gaps[place])[lacks:] == a[:-lacks]:
        start = words(one.transform[:-lacks])
        said = f"the skip starts before {start}, which stands before the unit"
        return Difference("shortcut from elsewhere", said, one.name)
    same = [key for key in a if key[0] == "conv"] == [key for key in b if key[0] == "conv"]
    return Difference("wrong order" if same else "another network", said, one.name)


def _gap(given: Outline, meant: Outline, place: int) -> Difference | None:
    one, other = given.gaps[place], meant.gaps[place]
    a, b = _keys(one), _keys(other)
    if a == b:
        return None
    name = given.rows[place - 1].name if place else "the stem"
    said = f"{words(one)} after {name} instead of {words(other)}"
    if not place:
        return Difference("wrong order", f"{words(one)} in the stem instead of {words(other)}", "")
    kinds, meant_kinds = ([kind for kind, _ in keys] for keys in (a, b))
    if place == len(given.rows) and "norm" in meant_kinds and not {"norm", "act"} <= set(kinds):
        return Difference("no final norm", said, name)
    opened = any(opens_first(row.transform) for row in meant.rows)
    if opened and kinds[:1] == ["act"] and kinds[1:] == meant_kinds:
        return Difference("activation after the sum", said, name)
    loose = [key for key in a if key[0] in ("conv", "linear")]
    same = loose == [key for key in b if key[0] in ("conv", "linear")]
    return Difference("wrong order" if same else "another network", said, name)
