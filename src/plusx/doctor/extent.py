"""Extent: how many of an examination's questions could be asked."""

from collections.abc import Iterable
from dataclasses import dataclass

from plusx.doctor.finding import Finding

__all__ = ["FAILED", "LONGER", "NO_TIME", "Extent", "extent"]

NO_TIME = "no time was left"
LONGER = "left to a longer examination"
FAILED = "the check itself failed"
"""Why a check was not answered, where it is not because there is nothing to look at."""


@dataclass(frozen=True)
class Extent:
    """Of the questions that belong to a budget of `seconds`, those that were asked in it.

    `longer` counts the questions that only a longer budget has.
    """

    asked: int = 0
    questions: int = 0
    longer: int = 0
    seconds: float = 0.0

    @property
    def complete(self) -> bool:
        """Whether all that belong to the budget were asked."""
        return self.asked == self.questions

    def __str__(self) -> str:
        count = f"only {self.asked}" if self.asked else "none"
        return f"{count} of {self.questions} questions fit into {self.seconds:g} s"

    def to_json(self) -> dict[str, object]:
        """Return plain JSON values."""
        return {
            "asked": self.asked,
            "questions": self.questions,
            "complete": self.complete,
            "longer": self.longer,
            "budget": self.seconds,
        }


def extent(findings: Iterable[Finding], *, seconds: float) -> Extent:
    """Count the questions behind all findings, each once."""
    why: dict[str, set[str]] = {}
    for finding in findings:
        why.setdefault(finding.check, set()).add(finding.why)
    longer = sum(LONGER in each for each in why.values())
    unasked = sum(NO_TIME in each for each in why.values())
    questions = len(why) - longer
    return Extent(questions - unasked, questions, longer, seconds)
