"""The pieces that sections are made of: paragraphs, tables, bars, facts, things that fold away."""

from collections.abc import Iterable, Mapping, Sequence

from plusx.report.markup import Html, tag

__all__ = ["bars", "details", "facts", "grid", "paragraph", "table", "verbatim"]


LONG = 60  # characters, from which on the words of a cell are broken into lines


def paragraph(*words: str) -> Html:
    """Write a paragraph."""
    return tag("p", *words)


def grid(*blocks: str) -> Html:
    """Put blocks beside each other where the page is wide enough."""
    return tag("div", *blocks, class_="grid")


def details(title: str, *content: str) -> Html:
    """Fold something long away under a title."""
    return tag("details", tag("summary", title), *content)


def verbatim(text: str, *, label: str) -> Html:
    """Show text as it is, scrolling inside its own box."""
    return _scroll(tag("pre", tag("code", text)), label=label)


def table(
    head: Sequence[str],
    lines: Iterable[Sequence[str]],
    *,
    label: str,
    words: int = 1,
    total: int = 0,
) -> Html:
    """Draw a table: the first `words` columns are words, the others figures, set to the right.

    The last `total` lines are set apart as totals. It scrolls inside its own box, never the page.
    """
    body = [tag("tr", *(_cell("td", cell, i >= words) for i, cell in enumerate(r))) for r in lines]
    ends = len(body) - total
    content = [
        tag("thead", tag("tr", *(_cell("th", cell, i >= words) for i, cell in enumerate(head)))),
        tag("tbody", *body[:ends]),
        *([tag("tfoot", *body[ends:])] if total else []),
    ]
    return _scroll(tag("table", *content), label=label)


def facts(pairs: Mapping[str, str]) -> Html:
    """List names with their values."""
    return tag(
        "dl", *(tag("div", tag("dt", name), tag("dd", text)) for name, text in pairs.items())
    )


def bars(counts: Mapping[str, int]) -> Html:
    """Draw a line a name: the name, a bar in proportion to the largest, the count."""
    most = max([1, *counts.values()])
    lines = (
        tag(
            "li",
            tag("span", name, class_="name", title=name),
            tag("span", tag("i", style=f"width: {100 * number / most:.1f}%"), class_="bar"),
            tag("span", f"{number:,}", class_="number"),
        )
        for name, number in counts.items()
    )
    return tag("ul", *lines, class_="bars")


def _cell(name: str, text: str, figure: bool) -> Html:
    if figure:
        return tag(name, text, class_="number")
    return tag(name, text, class_="long") if len(text) > LONG else tag(name, text)


def _scroll(content: Html, *, label: str) -> Html:
    # focusable, so that it can be scrolled from the keyboard
    return tag("div", content, class_="scroll", tabindex="0", role="region", aria_label=label)
