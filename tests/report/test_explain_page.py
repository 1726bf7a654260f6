"""The page of an explanation: whole, escaped, a sentence under each picture, failures marked."""

import re
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from PIL import Image
from test_report import Page

from explain_samples import decided, looked
from plusx.explain import Decision, Sanity
from plusx.report.explain import build
from plusx.report.explain.overlay import big, over, signed
from plusx.report.explain.pngs import write
from plusx.report.explain.sentences import by_halves, by_unit, where

FIGURE = re.compile(r'<figure id="([^"]+)">.*?<figcaption>(.*?)</figcaption>', flags=re.DOTALL)


@pytest.fixture(scope="module")
def text() -> str:
    return build(decided(), looked())


def _with(found: Decision, correlation: float, *, which: int) -> Decision:
    """The same decision, with another outcome of a method's check."""
    each = list(found.judged)
    each[which] = replace(each[which], sanity=Sanity("m", ("stem",), (correlation,)))
    return replace(found, judged=tuple(each))


def test_each_image_has_all_its_pictures_with_a_sentence_each(text: str) -> None:
    page = Page(text)
    figures = dict(FIGURE.findall(text))
    for number in (1, 2):
        for name in ("seen", "map", "removal", "split-1", "way-1", "units-1", "methods"):
            assert len(figures[f"image-{number}-{name}"].split()) > 12, name
    assert {"trust", "features", "notes"} <= set(page.ids)
    assert all(len(caption.split()) > 12 for caption in figures.values())
    assert text.count("<img") == text.count('<img src="data:image/')


def test_words_are_text_and_the_page_loads_nothing(text: str) -> None:
    page = Page(text)
    assert not {"script", "b", "net"} & set(page.tags)
    assert "Explanation of a <net>" in page.text and "one <1>.png" in page.text
    addresses = set(re.findall(r"https?://[^\"' )]+", text))
    assert addresses <= {"http://www.w3.org/2000/svg", "http://www.w3.org/1999/xlink"}
    links = re.findall(r'href="#([^"]+)"', text)
    assert set(links) <= set(page.ids) and len(page.ids) == len(set(page.ids))


def test_the_same_decision_gives_the_same_page(text: str) -> None:
    assert build(decided(), looked()) == text


def test_answers_of_an_untrained_network_are_called_a_guess(text: str) -> None:
    assert "its answers are close to a guess" in text
    sure = torch.tensor([[0.98, 0.01, 0.01]] * 2)
    page = Page(build(replace(decided(), probabilities=sure)))
    assert "close to a guess" not in page.text
    assert "is 98.0% sure" in page.text and "By the name of its folder that is right" in page.text
    wrong = torch.tensor([[0.01, 0.01, 0.98]] * 2)
    page = Page(build(replace(decided(), probabilities=wrong)))
    assert "wrong, it is \u201ccat\u201d" in page.text
    assert "1 answer of 1 wrong" in page.text


@pytest.mark.parametrize(("correlation", "passes"), [(0.05, True), (-0.9, True), (0.6, False)])
def test_a_method_that_does_not_pass_is_marked(correlation: float, passes: bool) -> None:
    text = build(_with(decided(), correlation, which=1))
    marked = re.findall(r"<strong>Layer-CAM</strong></p><div><span class=\"level (\w+)\">", text)
    assert marked == ["good" if passes else "warning"] * 2
    assert ("Layer-CAM: not about this network" in text) is not passes
    text = build(_with(decided(), correlation, which=0))
    assert ("The maps of Grad-CAM hardly depend on the weights" in text) is not passes


def test_without_units_and_other_methods_the_rest_is_there() -> None:
    found = decided()
    one = replace(found, ways=(), judged=found.judged[:1], notes=())
    page = Page(build(one))
    assert "image-1-split-1" not in page.ids and "notes" not in page.ids
    assert "No other method was asked beside Grad-CAM." in page.text


def test_overlays_are_the_image_where_nothing_is_and_colour_where_something_is() -> None:
    grey = torch.full((1, 4, 4), 100, dtype=torch.uint8)
    assert big(grey).shape == (3, 256, 256) and bool((big(grey) == 100).all())
    assert big(torch.zeros(3, 100, 50, dtype=torch.uint8)).shape == (3, 256, 128)
    one = torch.zeros(4, 4)
    one[:, 2:] = 1.0
    shown = over(grey, one).float()
    assert shown[:, :, :64].mean() < 100 and shown[0, :, 192:].mean() > 150
    halves = signed(grey, torch.tensor([[2.0, -2.0]]), 2.0).float()
    assert halves[0, :, :64].mean() > 2 * halves[2, :, :64].mean()
    assert halves[2, :, 192:].mean() > 2 * halves[0, :, 192:].mean()
    pale = signed(grey, torch.zeros(1, 2), 0.0)
    assert torch.equal(pale[0], pale[1]) and torch.equal(pale[0], pale[2])


def test_sentences_say_what_the_figures_say() -> None:
    assert "66.0% was there before this unit and came by its shortcut; 34.0%" in by_halves(
        0.34, "u"
    )
    assert "the transform took 20.0% of it back" in by_halves(-0.2, "u")
    assert "All of what speaks for the class was added here" in by_halves(1.3, "u")
    assert "Nothing in it speaks for the class" in by_halves(float("nan"), "u")
    found = decided()
    nothing = replace(found.main.maps, raw=(-torch.ones(2, 4, 4),))
    assert "finds no place that speaks for \u201cx\u201d" in where(nothing, 0, "x")
    way = replace(found.ways[0].through.of(0), evidence=torch.zeros(1))
    assert "no unit holds evidence" in by_unit(way)


def test_pictures_are_written_beside_it(tmp_path: Path) -> None:
    paths = write(tmp_path, decided(), looked())
    names = {path.name for path in paths}
    assert names == {path.name for path in tmp_path.iterdir()}
    wanted = ("", "-grad-cam", "-layer-cam", "-removal", "-split", "-way")
    assert {f"1-one-1{end}.png" for end in wanted} <= names and "features-filters.png" in names
    for path in paths:
        with Image.open(path) as image:
            assert image.format == "PNG" and min(image.size) > 90
