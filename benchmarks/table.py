"""README's table of figures, from results/*.json: `python benchmarks/table.py` writes it there."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
README = HERE.parent / "README.md"
BEGIN, END = "<!-- figures: made by benchmarks/table.py -->\n", "<!-- end of figures -->"
FIRST = ("training", "time_to", "input", "recompute", "equation", "zoo")
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
        measured += ", short" * (value < row["at_least"])
    elif "at_most" in row:
        wanted = f"at most {text(row['at_most'], unit)}"
        measured += ", over" * (row.get("highest", value) > row["at_most"])
    if "note" in row:
        measured += f" ({row['note']})"
    return f"| {row['what']} | {wanted} | {measured} |"


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


def lines(names: Sequence[str]) -> list[str]:
    rows = [
        line(row)
        for name in names
        for row in json.loads((HERE / "results" / f"{name}.json").read_text())["rows"]
    ]
    return ["| what | wanted | measured |", "|---|---|---|", *rows]


def table() -> str:
    names = sorted(path.stem for path in (HERE / "results").glob("*.json"))
    first = [name for name in FIRST if name in names]
    rest = [name for name in names if name not in FIRST]
    others = lines(rest)
    missed = sum(", short" in each or ", over" in each for each in others)
    title = f"All other figures; {missed} of {len(others) - 2} miss what was wanted"
    folded = [f"<details><summary>{title}</summary>", "", *others, "", "</details>"]
    return "\n".join([*lines(first), *accuracies(), "", *folded])


def main() -> None:
    before, rest = README.read_text().split(BEGIN)
    _, after = rest.split(END)
    README.write_text(f"{before}{BEGIN}\n{table()}\n\n{END}{after}")


if __name__ == "__main__":
    main()
