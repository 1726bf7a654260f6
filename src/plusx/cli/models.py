"""`plusx models [WORDS...]`."""

import json
import math
import shutil
import sys
import textwrap
from pathlib import Path
from typing import Any

from plusx.cli.console import Json
from plusx.errors import InputError, nearest

__all__ = ["models"]

Row = dict[str, Any]


def models(
    *words: str,
    family: str | None = None,
    min_params: float | None = None,
    max_params: float | None = None,
    min_macs: float | None = None,
    max_macs: float | None = None,
    json_output: Json = False,
) -> None:
    """List the networks that `--model` and `plusx info` know.

    Parameters
    ----------
    words
        Names, as in file names ("resnet*"), or words of paper, family, unit or accuracy: all must
        match.
    family
        Networks of one family.
    min_params
        Networks of at least so many million parameters.
    max_params
        Networks of at most so many million parameters.
    min_macs
        Networks of at least so many million multiply-accumulates for one input.
    max_macs
        Networks of at most so many million multiply-accumulates for one input.
    json_output
        Print JSON: all that is known of each.
    """
    from plusx.zoo import FAMILIES

    known = {known.name for known in FAMILIES}
    if family is not None and family not in known:
        raise InputError(
            f"there is no family {family!r}{nearest(family, known)}; there are "
            f"{', '.join(sorted(known))}"
        )
    params = _range("params", min_params, max_params)
    macs = _range("macs", min_macs, max_macs)
    rows = [
        row
        for row in _rows()
        if family in (None, row["family"])
        and params[0] <= row["params"] <= params[1]
        and macs[0] <= row["macs"] <= macs[1]
        and all(_matches(word, row) for word in words)
    ]
    if not rows:
        raise InputError("no network matches; `plusx models` lists all")
    width = shutil.get_terminal_size().columns if sys.stdout.isatty() else 0
    print(json.dumps(rows, indent=2) if json_output else _listing(rows, width))


def _range(word: str, low: float | None, high: float | None) -> tuple[float, float]:
    """Return a range given in millions; `ValueError` for one that no network could be in."""
    for option, value in ((f"min-{word}", low), (f"max-{word}", high)):
        if value is not None and not (math.isfinite(value) and value >= 0):
            raise InputError(f"{option} is {value:g}; expected a number of millions, 0 or more")
    if low is not None and high is not None and low > high:
        raise InputError(f"min-{word} is {low:g} and max-{word} {high:g}; no network is in between")
    return (low or 0) * 1e6, math.inf if high is None else high * 1e6


def _rows() -> list[Row]:
    """Return all that is known of every network, family by family."""
    import plusx
    from plusx.catalog import list_models
    from plusx.zoo import FAMILIES
    from plusx.zoo.published import PUBLISHED

    counts = json.loads((Path(plusx.__file__).parent / "zoo" / "counts.json").read_text())
    ordered = list_models()
    rows = []
    for of in FAMILIES:
        for name in (name for name in ordered if name in of.models):
            counted = counts[name]
            published = PUBLISHED.get(name)
            kind, *others = counted["kinds"]
            rows.append(
                {
                    "name": name,
                    "family": of.name,
                    "paper": of.paper,
                    "year": of.year,
                    "equation": of.equation,
                    "good_for": of.good_for,
                    "deviations": of.deviations,
                    "other_sizes": [*of.sized],
                    "input": counted["input"],
                    "classes": of.num_classes,
                    "params": counted["params"],
                    "macs": counted["macs"],
                    "units": counted["units"],
                    **{part: kind[part] for part in ("shortcut", "transform", "merge")},
                    "other_units": others,
                    "published": published and {**vars(published)},
                }
            )
    return rows


def _matches(word: str, row: Row) -> bool:
    from fnmatch import fnmatchcase

    parts = ("name", "family", "paper", "year", "shortcut", "transform", "merge")
    said = [str(row[part]) for part in parts] + [str((row["published"] or {}).get("figure", ""))]
    return fnmatchcase(row["name"], word) or word.lower() in " ".join(said).lower()


def _listing(rows: list[Row], width: int) -> str:
    """Lay out the rows: a head for each family, the units of each kind, then their networks."""
    kinds: dict[str, dict[tuple[str, ...], list[Row]]] = {}
    for row in rows:
        sizes = f"; other sizes: {', '.join(row['other_sizes'])}" if row["other_sizes"] else ""
        of = kinds.setdefault(f"{row['family']}: {row['paper']}{sizes}", {})
        of.setdefault(_units(row), []).append(row)
    sources: dict[str, int] = {}
    cells = {
        row["name"]: _cells(row, sources)
        for of in kinds.values()
        for alike in of.values()
        for row in alike
    }
    columns = zip(*cells.values(), strict=True)
    name, params, macs, _ = (max(map(len, column)) for column in columns)
    lines = [f"{'name':{name + 4}}  {'params':>{params}}  {'MACs':>{macs}}  published"]
    for head, of in kinds.items():
        lines += ["", head]
        for units, alike in of.items():
            lines += [f"  {unit}" for unit in units]
            for a, b, c, d in (cells[row["name"]] for row in alike):
                lines.append(f"    {a:{name}}  {b:>{params}}  {c:>{macs}}  {d}".rstrip())
    if sources:
        lines += ["", "published: where the figures are from"]
        lines += [f"  [{number}] {source}" for source, number in sources.items()]
    lines += ["", "(shortcut | transform | merge); `plusx info NAME` has the rest"]
    return "\n".join(_wrapped(line, width) for line in lines)


def _units(row: Row) -> tuple[str, ...]:
    """Say what the units are, in a line for each kind."""
    kinds = [row, *row["other_units"]]
    said = [f"({kind['shortcut']} | {kind['transform']} | {kind['merge']})" for kind in kinds]
    places = (f" at {kind['where']}" for kind in row["other_units"])
    return said[0], *(f"{unit}{place}" for unit, place in zip(said[1:], places, strict=True))


def _cells(row: Row, sources: dict[str, int]) -> tuple[str, str, str, str]:
    published = row["published"]
    figure = ""
    if published:
        number = sources.setdefault(published["source"], len(sources) + 1)
        figure = f"{published['figure']} [{number}]"
    return row["name"], _short(row["params"]), _short(row["macs"]), figure


def _short(count: int) -> str:
    """Write a count in three digits.

    >>> _short(25_557_032), _short(4_089_184_256)
    ('25.6M', '4.09G')
    """
    for unit, size in (("G", 1e9), ("M", 1e6), ("k", 1e3)):
        if count >= 0.9995 * size:
            scaled = count / size
            return f"{scaled:.{2 if scaled < 9.995 else 1 if scaled < 99.95 else 0}f}{unit}"
    return str(count)


def _wrapped(line: str, width: int) -> str:
    """Break a line that is too long for the terminal; `width` is 0 where there is none."""
    indent = " " * 8
    return textwrap.fill(line, width, subsequent_indent=indent) if width else line
