"""Diagnosis: all findings of an examination, the most important first."""

import json
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from plusx.doctor.finding import VERDICTS, Chart, Finding, Verdict

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["Diagnosis", "diagnosis"]


@dataclass(frozen=True)
class Diagnosis:
    """The verdict on a network: `findings` in order of importance, `charts` to look at."""

    name: str
    findings: tuple[Finding, ...]
    charts: tuple[Chart, ...]
    seconds: float
    notes: tuple[str, ...] = ()

    @property
    def verdict(self) -> Verdict:
        """The worst of the findings' verdicts: "wrong", "warning" or "fine"."""
        return self.findings[0].verdict if self.findings else "not applicable"

    @property
    def troubles(self) -> tuple[Finding, ...]:
        """What is wrong and what is worth a look, the most important first."""
        return tuple(f for f in self.findings if f.verdict in ("wrong", "warning"))

    def counts(self) -> dict[Verdict, int]:
        """Return how many findings there are of each verdict."""
        found = Counter(finding.verdict for finding in self.findings)
        return {verdict: found[verdict] for verdict in VERDICTS}

    def sentence(self) -> str:
        """Say the verdict in a sentence."""
        counts = self.counts()
        asked = sum(counts.values()) - counts["not applicable"]
        if not self.troubles:
            return f"{self.name} is healthy: {asked} checks, nothing to object to."
        first = self.troubles[0]
        start = "Something is wrong with" if self.verdict == "wrong" else "Worth a look in"
        where = f" ({first.place})" if first.place else ""
        return f"{start} {self.name}: {first.title[0].lower()}{first.title[1:]}{where}."

    def table(self) -> str:
        """Write the findings that are not fine, each in three lines; then how many are."""
        lines = [self.sentence()]
        for finding in self.troubles:
            where = f"  [{finding.place}]" if finding.place else ""
            against = f"; {finding.threshold}" if finding.threshold else ""
            lines += [
                "",
                f"{finding.verdict.upper():8} {finding.title}{where}",
                f"   why   {finding.why} ({finding.figure}{against})",
                f"   next  {finding.next}",
            ]
        counts = self.counts()
        rest = f"{counts['fine']} fine, {counts['not applicable']} not applicable"
        return "\n".join([*lines, "", f"{rest}; {self.seconds:.0f} s."])

    def to_json(self) -> dict[str, object]:
        """Return plain JSON values."""
        return {
            "name": self.name,
            "verdict": self.verdict,
            "sentence": self.sentence(),
            "counts": self.counts(),
            "findings": [finding.to_json() for finding in self.findings],
            "charts": [chart.to_json() for chart in self.charts],
            "seconds": round(self.seconds, 2),
            "notes": list(self.notes),
        }

    def plot(self, ax: "Axes | None" = None, *, chart: str = "") -> "Axes":
        """Draw one chart, the first by default."""
        from plusx.doctor.draw import draw

        return draw(self._chart(chart), ax)

    def _chart(self, name: str) -> Chart:
        from plusx.errors import InputError

        known = [chart.name for chart in self.charts]
        if not known:
            raise InputError("this examination has no chart; examine with a longer budget")
        if name and name not in known:
            raise InputError(f"there is no chart {name!r}; there are {', '.join(known)}")
        return self.charts[known.index(name) if name else 0]

    def __str__(self) -> str:
        return self.table()


def diagnosis(
    name: str,
    seen: list[Finding | Chart],
    *,
    seconds: float,
    notes: tuple[str, ...] = (),
) -> Diagnosis:
    """Put what was seen in order: wrong before warning, causes before symptoms."""
    findings = [each for each in seen if isinstance(each, Finding)]
    findings.sort(key=lambda f: (VERDICTS.index(f.verdict), -f.weight))  # else as it was asked
    charts = tuple(each for each in seen if isinstance(each, Chart))
    assert json.dumps([f.to_json() for f in findings]), "findings are plain JSON"
    return Diagnosis(name, tuple(findings), charts, seconds, notes)
