"""The first difference between two outlines, in words and with its cause."""

from collections.abc import Callable, Iterator
from dataclasses import replace

from plusx.doctor.identity.boundaries import moved
from plusx.doctor.identity.counted import counted
from plusx.doctor.identity.layer import Layer, words
from plusx.doctor.identity.outline import Outline, Row
from plusx.doctor.identity.unlike import Difference

__all__ = ["difference"]


FEW = 8
"""Layers of a stem that are named."""


def difference(given: Outline, meant: Outline) -> Difference | None:
    """Return what makes `given` another network than `meant`: the coarsest difference there is."""
    for rule in RULES:
        found = rule(given, meant)
        if found is not None:
            return found
    return None


def _stem(given: Outline, meant: Outline) -> Difference | None:
    def shape(stem: tuple[Layer, ...]) -> list[tuple[str, int]]:
        return [(x.form, x.stride) for x in stem if x.kind in ("conv", "pool")]

    if shape(given.stem) == shape(meant.stem):
        return None
    place = given.stem[0].place if given.stem else ""
    return Difference(
        "wrong stem",
        f"stem {words(given.stem, most=FEW)} instead of {words(meant.stem, most=FEW)}",
        place,
    )


def _widths(given: Outline, meant: Outline) -> Difference | None:
    def of(one: Row, other: Row) -> str:
        return "" if one.width == other.width else f"{one.width} channels instead of {other.width}"

    return _first("wrong width", given, meant, of)


def _sizes(given: Outline, meant: Outline) -> Difference | None:
    def of(one: Row, other: Row) -> str:
        a, b = ("x".join(map(str, row.y[1:])) for row in (one, other))
        return "" if a == b else f"gives {a} where {b} was meant"

    return _first("stride in the wrong place", given, meant, of)


def _strides(given: Outline, meant: Outline) -> Difference | None:
    def of(one: Row, other: Row) -> str:
        if len(one.convs) != len(other.convs):
            return ""
        for a, b in zip(one.convs, other.convs):
            if a.stride != b.stride:
                return f"{a} where {b} was meant"
        return ""

    return _first("stride in the wrong place", given, meant, of)


def _shortcuts(given: Outline, meant: Outline) -> Difference | None:
    def of(one: Row, other: Row) -> str:
        a, b = (option(row) for row in (one, other))
        return "" if a == b else f"{a} instead of {b}"

    found = _first("other shortcut", given, meant, of)
    if found is None:
        return None
    if given.params == meant.params:
        return found
    counts = f"{given.params:,} parameters instead of {meant.params:,}"
    return replace(found, words=f"{found.words}: {counts}")


def option(row: Row) -> str:
    """Say what a shortcut is; the letters are those of He et al. 2015, section 4.1."""
    forms = [layer.form for layer in row.shortcut if layer.kind != "norm"]
    if row.identity:
        return "the identity"
    if any(layer.kind in ("conv", "linear") for layer in row.shortcut):
        norm = "" if any(layer.kind == "norm" for layer in row.shortcut) else " without a norm"
        letter = "D" if forms[0] == "avg-pool" else "C" if row.keeps_shape else "B"
        return f"shortcut {letter} ({', '.join(forms)}{norm})"
    return "shortcut A (pad)" if row.width != (row.x or (0,))[0] else "shortcut of no weights"


def _inner_widths(given: Outline, meant: Outline) -> Difference | None:
    def of(one: Row, other: Row) -> str:
        for a, b in zip(one.convs, other.convs):
            if a.width != b.width:
                return f"{a} where {b} was meant"
        return ""

    return _first("wrong width", given, meant, of) or _stem_widths(given, meant)


def _stem_widths(given: Outline, meant: Outline) -> Difference | None:
    for a, b in zip(given.loose[:-1], meant.loose[:-1]):
        if a.width != b.width:
            return Difference("wrong width", f"{a} where {b} was meant", a.place)
    return None


def _biases(given: Outline, meant: Outline) -> Difference | None:
    found = [a for a, b in zip(given.layers, meant.layers) if a.kind == b.kind and a.bias > b.bias]
    if not found:
        return None
    cause = "bias before norm" if found[0].wastes_bias else "another network"
    return Difference(cause, "a bias where none was meant", found[0].place, len(found))


def _names(given: Outline, meant: Outline) -> Difference | None:
    for a, b in zip(given.layers, meant.layers):
        if a.kind == b.kind and (a.form, a.groups) != (b.form, b.groups):
            of = [
                f"{layer.form}{f' in {layer.groups} groups' * (layer.groups > 1)}"
                for layer in (a, b)
            ]
            return Difference("another network", f"{of[0]} instead of {of[1]}", a.place)
    return None


def _params(given: Outline, meant: Outline) -> Difference | None:
    if given.params == meant.params:
        return None
    figures = f"{given.params:,} parameters instead of {meant.params:,}"
    return Difference("another network", figures, "")


def _first(
    cause: str, given: Outline, meant: Outline, of: Callable[[Row, Row], str]
) -> Difference | None:
    found: list[tuple[Row, str]] = list(_unlike(given, meant, of))
    return Difference(cause, found[0][1], found[0][0].name, len(found)) if found else None


def _unlike(
    given: Outline, meant: Outline, of: Callable[[Row, Row], str]
) -> Iterator[tuple[Row, str]]:
    for one, other in zip(given.rows, meant.rows):
        if said := of(one, other):
            yield one, said


RULES: tuple[Callable[[Outline, Outline], Difference | None], ...] = (
    counted,
    _stem,
    _widths,
    _sizes,
    _shortcuts,
    moved,
    _strides,
    _inner_widths,
    _biases,
    _names,
    _params,
)
