"""A diagnosis in words: the verdict in a sentence, and each finding in three lines."""

import textwrap
from collections import Counter
from collections.abc import Iterator, Sequence

from plusx.doctor.extent import FAILED, LONGER, NO_TIME, Extent
from plusx.doctor.finding import Finding

__all__ = ["sentence", "table"]

LEVELS = {"wrong": "WRONG", "warning": "WARNING"}
INDENT = len("WARNING  ")


def sentence(name: str, findings: Sequence[Finding], extent: Extent, *, more: str) -> str:
    """Say the verdict in a sentence; `findings` begin with the most important.

    Where time ran out, it says how much was asked, and `more` what asks the rest.
    """
    asked = [finding for finding in findings if finding.verdict != "not applicable"]
    troubles = [finding for finding in asked if finding.verdict in LEVELS]
    part = f"{extent}; {more}."
    if troubles:
        said = _objection(name, troubles[0])
        return said if extent.complete else f"{said} {part[:1].upper()}{part[1:]}"
    if not extent.complete:
        start = "nothing to object to so far, but" if asked else "not examined:"
        return f"{name}: {start} {part}"
    if not asked:
        return f"{name} was not examined: none of the checks applies to it."
    checks = _times(len({finding.check for finding in asked}), "check")
    return f"{name} is healthy: {checks}, nothing to object to."


def _objection(name: str, first: Finding) -> str:
    start = "Something is wrong with" if first.verdict == "wrong" else "Worth a look in"
    where = f" (at {first.place})" if first.place and first.place not in first.title else ""
    return f"{start} {name}: {_within(first.title.rstrip('.'))}{where}."


def table(
    verdict: str,
    findings: Sequence[Finding],
    *,
    seconds: float,
    remarks: Sequence[str],
    width: int,
    every: bool,
) -> str:
    """Write the verdict, the troubles, and how many answers are fine; or `every` one of them."""
    lines = [*_folded(verdict, width)]
    for finding in findings:
        if finding.verdict in LEVELS:
            lines += ["", *_trouble(finding, width)]
    lines.append("")
    if every:
        lines += _others(findings, width)
    for words in (_rest(findings, seconds), *remarks):
        lines += _folded(words, width)
    return "\n".join(lines)


def _trouble(finding: Finding, width: int) -> Iterator[str]:
    where = f"  [{finding.place}]" if finding.place else ""
    against = f"; held against: {finding.threshold}" if finding.threshold else ""
    measured = f"({finding.figure}{against})" if finding.figure else ""
    said = {
        LEVELS[finding.verdict]: f"{finding.title}{where}",
        "  why": f"{finding.why} {measured}".strip(),
        "  next": finding.next,
    }
    for head, words in said.items():
        yield from _folded(words, width, head=f"{head:{INDENT}}")


def _others(findings: Sequence[Finding], width: int) -> Iterator[str]:
    for finding in findings:
        if finding.verdict not in LEVELS:
            head = f"{'fine' if finding.verdict == 'fine' else '-':{INDENT}}"
            figure = f" ({finding.figure})" if finding.figure else ""
            yield from _folded(f"{finding.title}{figure}  [{finding.check}]", width, head=head)
    yield ""


def _rest(findings: Sequence[Finding], seconds: float) -> str:
    """Count what is no trouble, and say what was not asked or answered, and why."""
    counts = Counter(finding.verdict for finding in findings)
    why = Counter(finding.why for finding in findings if finding.verdict == "not applicable")
    words = [f"{counts['fine']} fine, {why['']} not applicable"]
    if why[NO_TIME]:
        words.append(f"{why[NO_TIME]} not asked for want of time")
    if why[LONGER]:
        words.append(f"{why[LONGER]} left to a longer --budget")
    if why[FAILED]:
        names = ", ".join(finding.check for finding in findings if finding.why == FAILED)
        words.append(f"{_times(why[FAILED], 'check')} failed: {names}")
    return f"{'; '.join(words)}. {seconds:.0f} s."


def _folded(words: str, width: int, *, head: str = "") -> list[str]:
    return textwrap.wrap(
        words,
        max(width, 40),
        initial_indent=head,
        subsequent_indent=" " * len(head),
        break_long_words=False,
        break_on_hyphens=False,
    )


def _within(title: str) -> str:
    """Write a title inside of a sentence; names such as ReLU keep their letters."""
    first = title.split(maxsplit=1)[0] if title else ""
    return title if first[1:] != first[1:].lower() else title[:1].lower() + title[1:]


def _times(count: int, one: str) -> str:
    return f"{count} {one}{'' if count == 1 else 's'}"
