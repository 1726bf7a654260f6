"""What is the typical unit of a network?"""

import re
from dataclasses import asdict, dataclass

from plusx.analysis.summary import Summary

__all__ = ["Anatomy", "anatomy"]


@dataclass(frozen=True)
class Anatomy:
    """The three parts of the unit that is most frequent, without its widths; "-" without units."""

    shortcut: str
    transform: str
    merge: str

    def to_json(self) -> dict[str, str]:
        """Return the three as plain JSON values."""
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


def anatomy(found: Summary) -> Anatomy:
    """Return the most frequent unit of a network, one with an identity shortcut if there is any."""
    with_units = [row for row in found.rows if row.merge != "-"]
    rows = with_units or list(found.rows[1:-1]) or list(found.rows)
    kinds = [
        Anatomy(_no_widths(row.shortcut), _no_widths(row.transform), _no_widths(row.merge))
        for row in rows
    ]
    return max(kinds, key=lambda kind: (kind.shortcut == "identity", kinds.count(kind)))


def _no_widths(words: str) -> str:
    """Take widths and strides out: "3x3 64 /2, BN" becomes "3x3, BN"."""
    words = re.sub(r"\b(\d+(?:x\d+)*|linear|pad) \d+( channels)?", r"\1", words)
    return re.sub(r" /\d+(x\d+)*", "", words)
