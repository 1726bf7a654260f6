"""HTML from Python values, escaped unless it says that it is HTML."""

import html
import unicodedata
from collections.abc import Iterable
from typing import final

__all__ = ["Html", "clean", "join", "tag"]

VOID = {"br", "img", "meta"}


@final
class Html(str):
    """Markup. Every other string is text and is escaped where it is put into markup."""

    __slots__ = ()


def clean(text: str) -> str:
    """Replace what a UTF-8 page cannot hold: control characters, halves of a surrogate pair."""
    return "".join(
        character
        if character in "\n\t" or unicodedata.category(character) not in ("Cc", "Cs")
        else "\N{REPLACEMENT CHARACTER}"
        for character in text
    )


def join(content: Iterable[str]) -> Html:
    """Put pieces behind each other; those that are no `Html` are escaped.

    >>> join(["1 < 2", Html("<br>")])
    '1 &lt; 2<br>'
    """
    return Html(
        "".join(
            piece if isinstance(piece, Html) else html.escape(clean(piece)) for piece in content
        )
    )


def tag(name: str, /, *content: str, **attributes: str) -> Html:
    """Make an element; `class_` and `aria_label` stand for `class` and `aria-label`.

    >>> tag("p", "1 < 2", class_="note")
    '<p class="note">1 &lt; 2</p>'
    """
    written = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{join([str(value)])}"'
        for key, value in attributes.items()
    )
    if name in VOID:
        return Html(f"<{name}{written}>")
    return Html(f"<{name}{written}>{join(content)}</{name}>")
