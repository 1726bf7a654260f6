"""The page of an examination: the verdict, what is wrong and what to do, every answer, charts."""

from collections.abc import Sequence
from functools import partial

from plusx.doctor import Chart, Diagnosis, Finding
from plusx.doctor.draw import draw
from plusx.doctor.extent import FAILED, LONGER, NO_TIME
from plusx.doctor.sections import SECTIONS
from plusx.report.blocks import details, facts, grid, paragraph, table
from plusx.report.figures import figure
from plusx.report.markup import Html, join, tag
from plusx.report.page import Section, page
from plusx.report.verdict import chip
from plusx.report.words import count, time

__all__ = ["build"]

LEVELS = {"wrong": "bad", "warning": "warning", "fine": "good", "not applicable": "note"}
INAPT = "does not apply"
HEAD = ("", "answer", "measured", "held against")


def build(diagnosis: Diagnosis) -> str:
    """Return the page as one HTML file that needs nothing else."""
    return page(
        f"{diagnosis.name}: examination",
        header=_header(diagnosis),
        sections=[*_sections(diagnosis), *_notes((*diagnosis.remarks, *diagnosis.notes))],
        footer="Written by plusx doctor. The page loads nothing from elsewhere and runs no script.",
    )


def _header(diagnosis: Diagnosis) -> Html:
    counts, extent = diagnosis.counts(), diagnosis.extent
    part = diagnosis.verdict == "fine" and not extent.complete  # not healthy, as far as is known
    left = {"not asked": str(extent.questions - extent.asked)} if not extent.complete else {}
    longer = {"left to a longer budget": str(extent.longer)} if extent.longer else {}
    return join(
        [
            tag("p", f"Examination of {diagnosis.name}", class_="kicker"),
            tag(
                "div",
                chip("note" if part else LEVELS[diagnosis.verdict]),
                tag("h1", diagnosis.sentence()),
                class_="answer",
            ),
            _troubles(diagnosis.troubles),
            facts(
                {
                    "wrong": str(counts["wrong"]),
                    "worth a look": str(counts["warning"]),
                    "fine": str(counts["fine"]),
                    "not applicable": str(sum(_reason(f) == INAPT for f in diagnosis.findings)),
                    **left,
                    **longer,
                    "took": time(diagnosis.seconds),
                }
            ),
        ]
    )


def _troubles(findings: Sequence[Finding]) -> Html:
    """Show verdict, why, and what to do next, the most important first."""
    items = (
        tag(
            "li",
            chip(LEVELS[finding.verdict]),
            tag(
                "div",
                tag("h2", finding.title, *_place(finding)),
                tag("p", _sentence(finding.why)),
                tag("p", tag("strong", "Next: "), _sentence(finding.next)),
                tag("p", _measured(finding), class_="measured"),
            ),
        )
        for finding in findings
    )
    return tag("ul", *items, class_="findings") if findings else Html("")


def _place(finding: Finding) -> Sequence[str]:
    return (" ", tag("code", finding.place)) if finding.place else ()


def _sentence(words: str) -> str:
    """Write words as a sentence; names of code keep their letters."""
    first = words.split(maxsplit=1)[0] if words else ""
    begun = words if not first.isalpha() else f"{words[:1].upper()}{words[1:]}"
    return begun if not begun or begun.endswith((".", "!", "?")) else f"{begun}."


def _measured(finding: Finding) -> str:
    against = f" Held against: {finding.threshold}." if finding.threshold else ""
    return f"Measured: {finding.figure}.{against}" if finding.figure else ""


def _sections(diagnosis: Diagnosis) -> list[Section]:
    """Return a section of the page for each of the examination that has an answer or a chart."""
    found = []
    for name, question in SECTIONS.items():
        findings = [f for f in diagnosis.findings if f.section == name]
        charts = [chart for chart in diagnosis.charts if chart.name.partition(".")[0] == name]
        asked = [f for f in findings if f.verdict != "not applicable"]
        if not findings and not charts:
            continue
        left = [f for f in findings if f.verdict == "not applicable"]
        body = [
            *([grid(*map(_drawn, charts))] if charts else []),
            *([_answers(asked)] if asked else [paragraph(_none(left))]),
            *([_left_out(name, left)] if left else []),
        ]
        heading = f"{name[0].upper()}{name[1:]}"
        found.append(Section(name, heading, question, join(body)))
    return found


def _answers(findings: Sequence[Finding]) -> Html:
    """List verdict, title with place, figure and threshold; on a narrow page below each other."""
    head = tag("li", *(tag("span", word) for word in HEAD), class_="head", aria_hidden="true")
    lines = (
        tag(
            "li",
            chip(LEVELS[finding.verdict]),
            tag("div", finding.title, *_place(finding)),
            *(_named(name, text) for name, text in _figures(finding).items()),
        )
        for finding in findings
    )
    return tag("ul", head, *lines, class_="answers box")


def _figures(finding: Finding) -> dict[str, str]:
    return dict(zip(HEAD[2:], (finding.figure, finding.threshold), strict=True))


def _named(name: str, text: str) -> Html:
    return tag("p", tag("span", f"{name}: ", class_="named"), text) if text else tag("p")


def _reason(finding: Finding) -> str:
    """Return why a check gave no answer, "" where it gave one."""
    return "" if finding.verdict != "not applicable" else finding.why or INAPT


def _none(findings: Sequence[Finding]) -> str:
    """Say of a section without an answer why it has none."""
    reasons = {_reason(finding) for finding in findings}
    if NO_TIME in reasons:
        return "There was no time for its checks: a longer budget asks them."
    if LONGER in reasons:
        return "Its checks that apply are left to a longer examination."
    return "Its checks failed." if reasons == {FAILED} else "None of its checks applies."


def _left_out(name: str, findings: Sequence[Finding]) -> Html:
    lines = [(f.title, f"{_reason(f)}: {f.figure}") for f in findings]
    listed = table(("question", "why not"), lines, label=f"Not asked in {name}", words=2)
    return details(f"{count(len(findings), 'question')} not answered", listed)


def _drawn(chart: Chart) -> Html:
    by_depth = bool(chart.x) and isinstance(chart.x[0], str)
    return figure(
        chart.name.replace(".", "-").replace(" ", "-"),
        partial(draw, chart),
        caption=f"{chart.title.rstrip('.')}. {chart.caption}",
        label=f"Chart: {chart.title}",
        height=300 if by_depth else 250,
    )


def _notes(notes: Sequence[str]) -> list[Section]:
    if not notes:
        return []
    listed = tag("ul", *(tag("li", note) for note in notes), class_="notes")
    return [Section("notes", "Notes", "What was chosen by itself, and what was found.", listed)]
