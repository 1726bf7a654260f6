"""The page of an examination: whole, escaped, and all of the answers on it."""

import re

import pytest
from report_samples import diagnosed
from test_report import Page

from plusx.report.doctor import build


@pytest.fixture(scope="module")
def text() -> str:
    return build(diagnosed())


def test_it_opens_with_the_verdict_and_what_to_do(text: str) -> None:
    head = text[: text.index("<nav")]
    assert (
        "<h1>Something is wrong with net: no gradient passes a skip (at stages.0.1).</h1>" in head
    )
    assert head.count('class="level bad"') == 2 and head.count('class="level warning"') == 1
    assert "<strong>Next: </strong>Add x itself." in head
    assert "Measured: the gradient through the skip is 0 in 1 of 4 units." in head
    assert "Held against: above 0: y = x + f(x) gives dy/dx = 1 + df/dx." in head


def test_every_answer_and_chart_has_its_section(text: str) -> None:
    page = Page(text)
    assert {"wiring", "shortcuts", "signal", "learning", "images", "notes"} <= set(page.ids)
    assert {"signal-gradient", "learning-range"} <= set(page.ids)
    assert "run" not in page.ids and "The network runs" in page.text
    assert "1 question not answered" in page.text and "no images" in page.text
    figures = re.findall(r'<figure id="([^"]+)">.*?<figcaption>(.*?)</', text, flags=re.DOTALL)
    assert dict(figures)["signal-gradient"] == "Gradient by depth. The norm at each unit."


def test_words_are_text_and_the_page_loads_nothing(text: str) -> None:
    page = Page(text)
    assert not {"script", "b", "note"} & set(page.tags) and "A <note>." in page.text
    addresses = set(re.findall(r"https?://[^\"' )]+", text))
    assert addresses <= {"http://www.w3.org/2000/svg", "http://www.w3.org/1999/xlink"}
    links = re.findall(r'href="#([^"]+)"', text)
    assert set(links) <= set(page.ids) and len(page.ids) == len(set(page.ids))


def test_the_same_examination_gives_the_same_page(text: str) -> None:
    assert build(diagnosed()) == text
