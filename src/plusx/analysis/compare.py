"""In what do two networks differ?"""

from dataclasses import dataclass

from plusx.analysis.aligned import aligned
from plusx.analysis.summary import Row, Summary

__all__ = ["Comparison", "compare"]

Words = tuple[str, ...]


@dataclass(frozen=True)
class Comparison:
    """Two summaries, row by row in order; `differences` has (place, what one has, what the other).

    `equal` counts the rows that are alike in everything that the table shows.
    """

    one: Summary
    other: Summary
    differences: tuple[tuple[str, Words, Words], ...]
    equal: int

    def to_json(self) -> dict[str, object]:
        """Return the two summaries and the places where they differ, as plain JSON values."""
        return {
            "networks": [self.one.to_json(), self.other.to_json()],
            "differ": [place for place, _, _ in self.differences],
            "equal": self.equal,
        }

    def table(self) -> str:
        """Draw the totals side by side, then the rows that differ, one network over the other.

        What the other has alike is "=".
        """
        lines: list[Words] = [("", "shortcut", "transform", "merge", "output", "params", "MACs")]
        for place, one, other in _folded(self.differences):
            lines.append((place, *one))
            alike = other[0] != "(none)" and one[0] != "(none)"
            lines.append(("", *("=" if alike and a == b else b for a, b in zip(one, other))))
        totals = [
            ("", "parameters", "MACs", "units", "activations", "input"),
            *((s.name, f"{s.params:,}", f"{s.macs:,}", str(s.units), _mib(s), s.sample)
              for s in (self.one, self.other)),
        ]  # fmt: skip
        head = aligned(totals, words=1, total=0)
        if not self.differences:
            return "\n".join([*head, "", "No row differs."])
        order = f"{self.one.name} over {self.other.name}"
        title = f"Rows that differ, {order} (= is alike); {self.equal} are equal"
        return "\n".join([*head, "", title, "", *aligned(lines, words=5, total=0)])


def compare(one: Summary, other: Summary) -> Comparison:
    """Lay two networks side by side: rows with the same number in order are compared."""
    ours, theirs = list(one.rows), list(other.rows)
    names = list(dict.fromkeys([row.name for row in ours] + [row.name for row in theirs]))
    by_name = [{row.name: row for row in rows} for rows in (ours, theirs)]
    names.sort(key=lambda name: _place(name, ours, theirs))
    found = []
    equal = 0
    for name in names:
        a, b = (_words(rows.get(name)) for rows in by_name)
        if a == b:
            equal += 1
        else:
            found.append((name, a, b))
    return Comparison(one, other, tuple(found), equal)


def _place(name: str, ours: list[Row], theirs: list[Row]) -> float:
    """Order the rows of both by how deep they stand."""
    depths = [
        [row.name for row in rows].index(name) / len(rows)
        for rows in (ours, theirs)
        if any(row.name == name for row in rows)
    ]
    return max(depths)


def _words(row: Row | None) -> Words:
    if row is None:
        return ("(none)", "", "", "", "", "")
    output = "x".join(map(str, row.output))
    return row.shortcut, row.transform, row.merge, output, f"{row.params:,}", f"{row.macs:,}"


def _folded(
    differences: tuple[tuple[str, Words, Words], ...],
) -> list[tuple[str, Words, Words]]:
    """Put neighbours that differ in the same way on one pair of lines."""
    groups: list[list[tuple[str, Words, Words]]] = []
    for difference in differences:
        if groups and groups[-1][0][1:] == difference[1:]:
            groups[-1].append(difference)
        else:
            groups.append([difference])
    return [(g[0][0] if len(g) == 1 else f"{g[0][0]} x {len(g)}", g[0][1], g[0][2]) for g in groups]


def _mib(found: Summary) -> str:
    return f"{found.activation_bytes / 2**20:.1f} MiB"
