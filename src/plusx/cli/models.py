"""`plusx models [WORDS...]`."""

import json
from pathlib import Path

from plusx.cli.console import Json
from plusx.errors import InputError

__all__ = ["models"]


def models(
    *words: str,
    family: str | None = None,
    max_params: float | None = None,
    json_output: Json = False,
) -> None:
    """List the networks that `--model` and `plusx info` know.

    Parameters
    ----------
    words
        Names, as in file names ("resnet*"), or words of paper, family or unit: all must match.
    family
        Networks of one family.
    max_params
        Networks of at most so many million parameters.
    json_output
        Print JSON.
    """
    import plusx
    from plusx.catalog import family_of, list_models
    from plusx.zoo import FAMILIES

    known = {known.name for known in FAMILIES}
    if family is not None and family not in known:
        raise InputError(f"there is no family {family!r}; there are {', '.join(sorted(known))}")
    counts = json.loads((Path(plusx.__file__).parent / "zoo" / "counts.json").read_text())
    rows = []
    for name in list_models():
        of = family_of(name)
        row = {
            "name": name,
            "family": of.name,
            "paper": of.paper,
            "year": of.year,
            "input": of.size,
            "published": of.published.get(name, ""),
            **counts[name],
        }
        small = max_params is None or row["params"] <= max_params * 1e6
        if small and family in (None, of.name) and all(_matches(word, row) for word in words):
            rows.append(row)
    if not rows:
        raise InputError("no network matches; `plusx models` lists all")
    print(json.dumps(rows, indent=2) if json_output else _table(rows))


def _matches(word: str, row: dict[str, object]) -> bool:
    from fnmatch import fnmatchcase

    said = " ".join(str(value) for value in row.values()).lower()
    return fnmatchcase(str(row["name"]), word) or word.lower() in said


def _table(rows: list[dict[str, object]]) -> str:
    from plusx.analysis.aligned import aligned

    head = (
        "name",
        "shortcut",
        "transform",
        "merge",
        "published",
        "year",
        "params",
        "MACs",
        "units",
    )
    lines = [head, *map(_cells, rows)]
    papers = dict.fromkeys(f"  {row['family']}: {row['paper']}" for row in rows)
    return "\n".join([*aligned(lines, words=5), "", "Papers", *papers])


def _cells(row: dict[str, object]) -> tuple[str, ...]:
    words = (row["name"], *(_short(row[part]) for part in ("shortcut", "transform", "merge")))
    figures = (f"{row['params']:,}", f"{row['macs']:,}", str(row["units"]))
    return (*map(str, words), str(row["published"]), str(row["year"]), *figures)


def _short(value: object) -> str:
    text = str(value)
    return text if len(text) <= 44 else f"{text[:43]}…"
