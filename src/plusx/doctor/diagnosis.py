"""Diagnosis: all findings of an examination, the most important first."""

import math
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from plusx.doctor.extent import Extent, extent
from plusx.doctor.finding import VERDICTS, Chart, Finding, Verdict
from plusx.doctor.table import sentence, table
from plusx.errors import InputError

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["Diagnosis", "diagnosis"]


@dataclass(frozen=True)
class Diagnosis:
    """The verdict on a network: `findings` in order of importance, `charts` to look at.

    `notes` say what was chosen by itself, `remarks` what narrows the verdict, such as images that
    are made up; `extent` says how much of it was asked.
    """

    name: str
    findings: tuple[Finding, ...]
    charts: tuple[Chart, ...]
    seconds: float
    notes: tuple[str, ...] = ()
    remarks: tuple[str, ...] = ()
    extent: Extent = field(default_factory=Extent)

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

    def sentence(self, *, more: str = "a longer --budget asks the rest") -> str:
        """Say the verdict in a sentence; where time ran out, with `more` to do."""
        return sentence(self.name, self.findings, self.extent, more=more)

    def table(self, *, width: int = 100, every: bool = False) -> str:
        """Write the troubles, each as verdict, why and next; then how much is fine, or `every`."""
        return table(
            self.sentence(),
            self.findings,
            seconds=self.seconds,
            remarks=self.remarks,
            width=width,
            every=every,
        )

    def to_json(self) -> dict[str, object]:
        """Return plain JSON values; a figure that is not finite is null."""
        return {
            "name": self.name,
            "verdict": self.verdict,
            "sentence": self.sentence(),
            "asked": self.extent.to_json(),
            "counts": self.counts(),
            "findings": [finding.to_json() for finding in self.findings],
            "charts": [_plain(chart.to_json()) for chart in self.charts],
            "seconds": round(self.seconds, 2),
            "remarks": list(self.remarks),
            "notes": list(self.notes),
        }

    def plot(self, ax: "Axes | None" = None, *, chart: str = "") -> "Axes":
        """Draw one chart, the first by default."""
        from plusx.doctor.draw import draw

        return draw(self._chart(chart), ax)

    def _chart(self, name: str) -> Chart:
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
    budget: float | None = None,
    notes: tuple[str, ...] = (),
    remarks: tuple[str, ...] = (),
) -> Diagnosis:
    """Put what was seen in order: wrong before warning, causes before symptoms, each cause once."""
    findings = [each for each in seen if isinstance(each, Finding)]
    asked = extent(findings, seconds=seconds if budget is None else budget)
    findings.sort(key=lambda f: (VERDICTS.index(f.verdict), -f.weight))  # else as it was asked
    charts = tuple(each for each in seen if isinstance(each, Chart))
    told = tuple(_each_once(findings))
    return Diagnosis(name, told, charts, seconds, notes, remarks, asked)


def _each_once(findings: Sequence[Finding]) -> Iterator[Finding]:
    """Leave one finding of a cause, the first, which then says what else the cause was seen by."""
    first: dict[str, list[Finding]] = {}
    for finding in findings:
        if finding.cause:
            first.setdefault(finding.cause, []).append(finding)
    for finding in findings:
        alike = first.get(finding.cause, [finding])
        if finding is not alike[0]:
            continue
        others = dict.fromkeys(f.check for f in alike[1:] if f.check != finding.check)
        figure = f"{finding.figure}; seen by {', '.join(others)}, too" if others else finding.figure
        yield replace(finding, figure=figure)


def _plain(value: Any) -> Any:
    """Return the same with null for every number that JSON does not have."""
    match value:
        case dict():
            return {key: _plain(each) for key, each in value.items()}
        case list() | tuple():
            return [_plain(each) for each in value]
        case float() if not math.isfinite(value):
            return None
    return value
