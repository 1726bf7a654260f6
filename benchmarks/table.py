"""README's table of figures, from results/*.json: `python benchmarks/table.py` writes it there."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
README = HERE.parent / "README.md"
BEGIN, END = "<!-- figures: made by benchmarks/table.py -->\n", "<!-- end of figures -->"
FIRST = ("training", "time_to", "defects", "input", "recompute", "equation", "zoo")
"""The benchmarks that README shows; the rest folds away under them."""


def text(value: float, unit: str) -> str:
    return f"{value:,}{unit if unit in 'x%' else ' ' + unit}"


def line(row: dict[str, Any]) -> str:
    """A row of the table; whether it meets what was wanted is computed here."""
    value, unit = row["value"], row["unit"]
    measured = text(value, unit)
    if "highest" in row:
        measured += f" to {text(row['highest'], unit)}"
    wanted = "-"
    if "at_least" in row:
        wanted = f"at least {text(row['at_least'], unit)}"
    elif "at_most" in row:
        wanted = f"at most {text(row['at_most'], unit)}"
    measured += missed(row)
    if "note" in row:
        measured += f" ({row['note']})"
    return f"| {row['what']} | {wanted} | {measured} |"


def missed(row: dict[str, Any]) -> str:
    """Say that a figure is not what was wanted, or nothing."""
    if "at_least" in row:
        return ", short" * (row["value"] < row["at_least"])
    if "at_most" in row:
        return ", over" * (row.get("highest", row["value"]) > row["at_most"])
    return ""


def accuracies() -> list[str]:
    """The table of accuracy.json, with the commands."""
    path = HERE / "results" / "accuracy.json"
    if not path.exists():
        return []
    lines = [
        "",
        "| test accuracy of | seeds | mean | 95%, seeds | 95%, images |",
        "|---|---|---|---|---|",
    ]
    for of in json.loads(path.read_text())["figures"].values():
        ends = [
            f"{low:.2f}% to {high:.2f}%"
            for low, high in (of["95% interval over seeds"], of["95% interval over test images"])
        ]
        seeds = ", ".join(f"{share:.2f}%" for share in of["accuracy by seed, %"])
        lines.append(f"| `{of['command']}` | {seeds} | {of['mean, %']:.2f}% | {' | '.join(ends)} |")
    return lines


def rows(names: Sequence[str]) -> list[dict[str, Any]]:
    paths = [HERE / "results" / f"{name}.json" for name in names]
    return [row for path in paths for row in json.loads(path.read_text())["rows"]]


def lines(rows: Sequence[dict[str, Any]]) -> list[str]:
    return ["| what | wanted | measured |", "|---|---|---|", *map(line, rows)]


def table() -> str:
    names = sorted(path.stem for path in (HERE / "results").glob("*.json"))
    first = rows([name for name in FIRST if name in names])
    rest = rows([name for name in names if name not in FIRST])
    short = sum(bool(missed(row)) for row in rest)
    title = f"All other figures; {short} of {len(rest)} miss what was wanted"
    folded = [f"<details><summary>{title}</summary>", "", *lines(rest), "", "</details>"]
    return "\n".join([*lines(first), *accuracies(), "", *folded])


def main() -> None:
    before, rest = README.read_text().split(BEGIN)
    _, after = rest.split(END)
    README.write_text(f"{before}{BEGIN}\n{table()}\n\n{END}{after}")


if __name__ == "__main__":
    main()
