"""The page of an examination: whole, escaped, and all of the answers on it."""

import re

import pytest
from report_samples import diagnosed
from test_report import Page

from plusx.doctor import Finding
from plusx.doctor.diagnosis import diagnosis
from plusx.doctor.extent import FAILED, LONGER, NO_TIME
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


def test_what_was_not_asked_is_told_from_what_does_not_apply() -> None:
    def left(check: str, why: str) -> Finding:
        return Finding(check=check, verdict="not applicable", title=f"{check}?", why=why)

    fine = Finding(check="wiring.runs", verdict="fine", title="The network runs")
    late, later = left("signal.depth", NO_TIME), left("cost.speed", LONGER)
    seen = [fine, late, later, left("images.scale", ""), left("run.curves", FAILED)]
    text = build(diagnosis("net", [*seen], seconds=9.0, budget=10.0, remarks=("Made up.",)))
    head = text[: text.index("<nav")]
    assert 'class="level note"' in head and 'class="level good"' not in head
    assert "nothing to object to so far, but only 3 of 4 questions fit into 10 s" in head
    parts = {
        name: text.split(f'id="{name}"')[1].split("</section>")[0]
        for name in ("signal", "cost", "images", "run", "notes")
    }
    assert "There was no time for its checks" in parts["signal"]
    assert "left to a longer examination" in parts["cost"]
    assert "None of its checks applies." in parts["images"] and "does not apply" in parts["images"]
    assert "Its checks failed." in parts["run"] and "Made up." in parts["notes"]
    for words in ("not applicable", "not asked"):
        assert re.search(rf"{words}<[^0-9]*>1<", head), head
    whole = build(diagnosis("net", [fine, later], seconds=9.0))
    assert 'class="level good"' in whole[: whole.index("<nav")]
