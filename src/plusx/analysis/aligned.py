"""Lines of words and figures as a text table."""

from collections.abc import Sequence

__all__ = ["aligned"]


def aligned(lines: Sequence[Sequence[str]], *, words: int = 1, total: int = 0) -> list[str]:
    """Pad cells to columns: `words` of them set left, the rest right; rules after head and body.

    The first line is the head, the last `total` lines are totals.

    >>> print(*aligned([("part", "params"), ("stem", "464"), ("all", "464")], total=1), sep="\\n")
    part  params
    ------------
    stem     464
    ------------
    all      464
    """
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    text = [
        "  ".join(
            cell.ljust(width) if index < words else cell.rjust(width)
            for index, (cell, width) in enumerate(zip(line, widths, strict=True))
        )
        for line in lines
    ]
    rule = "-" * len(text[0])
    ends = len(text) - total
    return [text[0], rule, *text[1:ends], *([rule, *text[ends:]] if total else [])]
