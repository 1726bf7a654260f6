"""The shell of a report: one file that needs nothing else."""

from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files

from plusx.report.markup import Html, join, tag

__all__ = ["Section", "page"]


@dataclass(frozen=True)
class Section:
    """A heading that says what one sees, a sentence or two on how to read it, what there is."""

    name: str
    heading: str
    lead: str
    body: Html


def page(title: str, *, header: Html, sections: Sequence[Section], footer: str) -> str:
    """Assemble the page: header, contents, sections."""
    css = files("plusx.report").joinpath("style.css").read_text(encoding="utf-8")
    head = tag(
        "head",
        tag("meta", charset="utf-8"),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("meta", name="color-scheme", content="light dark"),
        tag("title", title),
        # an icon of its own, or the browser asks the server for one
        Html('<link rel="icon" href="data:,">'),
        tag("style", Html(css)),
    )
    body = tag(
        "body",
        tag("header", header),
        _contents(sections),
        tag("main", *map(_written, sections)),
        tag("footer", tag("p", footer)),
    )
    return f"<!DOCTYPE html>\n{tag('html', head, body, lang='en')}\n"


def _contents(sections: Sequence[Section]) -> Html:
    links = (tag("li", tag("a", s.heading, href=f"#{s.name}")) for s in sections)
    return tag(
        "nav", tag("h2", "Contents", id="contents"), tag("ol", *links), aria_label="Contents"
    )


def _written(section: Section) -> Html:
    return tag(
        "section",
        tag("h2", section.heading, id=f"{section.name}-heading"),
        tag("p", section.lead, class_="lead"),
        join(["\n", section.body, "\n"]),
        id=section.name,
        aria_labelledby=f"{section.name}-heading",
    )
