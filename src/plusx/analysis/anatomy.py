"""What kinds of units is a network made of?"""

import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass

from plusx.analysis.summary import Row, Summary

__all__ = ["Anatomy", "anatomy"]


@dataclass(frozen=True)
class Anatomy:
    """The three parts of one kind of unit, without its widths, and which units are of it.

    Shortcut and merge are "-" in a network without units.
    """

    shortcut: str
    transform: str
    merge: str
    where: str

    def to_json(self) -> dict[str, str]:
        """Return the four as plain JSON values."""
        return asdict(self)

    def drawing(self) -> str:
        """Draw the unit in text: x, the two ways, merge, y."""
        if self.merge == "-":
            return f"x ── {self.transform} ── y"
        merge, _, after = self.merge.partition(", ")
        tail = f" ── {after}" if after else ""
        width = max(len(self.shortcut), len(self.transform)) + 2
        return (
            f"x ─┬─ {self.shortcut} {'─' * (width - len(self.shortcut))}┐\n"
            f"   └─ {self.transform} {'─' * (width - len(self.transform))}┴─ {merge}{tail} ── y"
        )


def anatomy(found: Summary) -> tuple[Anatomy, ...]:
    """Return the kinds of units of a network, the most frequent first.

    Units that differ in their shortcut alone are of one kind, shown with the identity where one has
    it; so are those that differ in the kernel of a depthwise convolution. Kinds of less than a
    tenth of all units are left out. A network without units has one kind, its most frequent part
    between stem and head.
    """
    with_units = [row for row in found.rows if row.merge != "-"]
    kinds: dict[tuple[str, str], list[Row]] = {}
    for row in with_units or found.rows[1:-1] or found.rows:
        words = re.sub(_DEPTHWISE, "depthwise", _no_widths(row.transform))
        kinds.setdefault((words, _no_widths(row.merge)), []).append(row)
    ordered = sorted(kinds.items(), key=lambda kind: -len(kind[1]))
    frequent = [(words, rows) for words, rows in ordered if 10 * len(rows) >= len(with_units)]
    return tuple(
        Anatomy(_shortcut(rows), _with_kernels(words, rows), merge, _where(rows, len(with_units)))
        for (words, merge), rows in (frequent if with_units else ordered[:1])
    )


_DEPTHWISE = r"(\d+x\d+) depthwise"


def _with_kernels(words: str, rows: Sequence[Row]) -> str:
    """Put the kernels back that depthwise convolutions have: "3x3 or 5x5 depthwise"."""
    kernels = sorted({kernel for row in rows for kernel in re.findall(_DEPTHWISE, row.transform)})
    return words.replace("depthwise", f"{' or '.join(kernels)} depthwise")


def _no_widths(words: str) -> str:
    """Take widths and strides out: "3x3 64 /2, BN" becomes "3x3, BN"."""
    words = re.sub(
        r"\b((?:conv)?\d+(?:x\d+)*(?: depthwise)?|linear|pad) \d+( channels)?", r"\1", words
    )
    words = re.sub(r"attention of \d+ heads", "attention", words)
    return re.sub(r" /\d+(x\d+)*", "", words)


def _shortcut(rows: Sequence[Row]) -> str:
    shortcuts = [_no_widths(row.shortcut) for row in rows]
    return "identity" if "identity" in shortcuts else max(shortcuts, key=shortcuts.count)


def _where(rows: Sequence[Row], units: int) -> str:
    """Say which units: by their addresses where they are few, else how many."""
    if len(rows) == units:
        return "all units"
    if len(rows) <= 5 and units:
        return ", ".join(row.name for row in rows)
    return f"{len(rows)} of {units} units" if units else "between stem and head"
