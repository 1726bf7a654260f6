"""The page is whole, escaped and the same every time, whatever a run leaves."""

import math
import re
from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import pytest
import torch
from report_samples import CLASSES, guesses, made

from plusx.analysis.evaluation import evaluation
from plusx.report.answers import confusion
from plusx.report.depth import activations, change, gradient
from plusx.report.examples import mistakes, seen
from plusx.report.learning import learning
from plusx.report.material import material
from plusx.report.structure import structure
from plusx.report.training import build
from plusx.report.verdict import verdict
from plusx.train.result import Finding, Health, TrainResult

SECTIONS = (
    *("learning", "gradient", "change", "activations", "confusion", "mistakes", "calibration"),
    *("augmentation", "data", "cost", "structure", "origin"),
)
VOID = {"meta", "link", "img", "br"}


class Page(HTMLParser):
    """Reads a page, checks that its elements nest, and collects what tests ask about."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.ids: list[str] = []
        self.links: list[str] = []
        self.headings: list[int] = []
        self.tags: set[str] = set()
        self.text = ""
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        if tag not in VOID:
            self.open.append(tag)
        if re.fullmatch(r"h\d", tag):
            self.headings.append(int(tag[1]))
        for name, value in attrs:
            if name == "id":
                self.ids.append(value or "")
            if name in ("href", "src"):
                self.links.append(value or "")

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.handle_endtag(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if "style" not in self.open:
            self.text += data


def section(text: str, name: str) -> str:
    found = re.search(rf'<section id="{name}".*?</section>', text, flags=re.DOTALL)
    assert found is not None, name
    return found[0]


@pytest.fixture(scope="module")
def result() -> TrainResult:
    return made()


@pytest.fixture(scope="module")
def text(result: TrainResult) -> str:
    return build(result)


def test_the_page_is_whole(text: str) -> None:
    page = Page(text)
    assert [name for name in SECTIONS if name not in page.ids] == []
    assert len(page.ids) == len(set(page.ids))
    assert page.headings[0] == 1
    assert all(b - a <= 1 for a, b in zip(page.headings, page.headings[1:], strict=False))
    assert "script" not in page.tags
    assert "nan" not in page.text.lower()


def test_it_needs_nothing_else(text: str) -> None:
    links = Page(text).links
    assert all(link.startswith(("#", "data:")) for link in links)
    assert {link[1:] for link in links if link.startswith("#")} <= set(Page(text).ids)
    addresses = set(re.findall(r"https?://[^\"' )]+", text))
    assert addresses <= {"http://www.w3.org/2000/svg", "http://www.w3.org/1999/xlink"}
    assert "@import" not in text


def test_it_opens_with_the_verdict(text: str, result: TrainResult) -> None:
    head = text[: text.index("<nav")]
    assert result.test is not None
    assert f"<strong>{result.test.accuracy:.1%}</strong>" in head
    assert result.health.sentence in head
    assert 'class="level good"' in head and "Good" in head
    assert all(finding.text in head for finding in result.health.findings)


@pytest.mark.parametrize("level", ["good", "warning", "bad"])
def test_each_level_has_its_word(result: TrainResult, level: str) -> None:
    finding = Finding("bad", "A title", "What to do next.")
    text = verdict(replace(result, health=Health(level, "A sentence.", (finding,))))  # type: ignore[arg-type]
    word = {"good": "Good", "warning": "Look", "bad": "Problem"}[level]
    assert re.search(rf'class="level {level}"><span[^>]*>.</span>{word}<', text)


def test_the_same_run_gives_the_same_page(text: str, result: TrainResult) -> None:
    assert build(result) == text


def test_a_page_is_small(text: str) -> None:
    assert len(text.encode()) < 2_000_000


def test_every_figure_has_a_caption_and_says_what_it_is(text: str) -> None:
    figures = re.findall(r'<figure id="([^"]+)">(.*?)</figure>', text, flags=re.DOTALL)
    assert len(figures) >= 15
    for name, content in figures:
        assert re.search(r"<figcaption>.{10}", content), name
        labelled = re.search(r'<svg role="img" aria-label="[^"]{10}', content)
        assert labelled or re.search(r'<img [^>]*alt="[^"]+"', content), name


def test_names_are_text() -> None:
    names = ('<script>alert("1")</script>', "a & b", 'it\'s "so"', "$x$", "\u732b", "x" * 500)
    result = made(classes=names, num_epochs=2)
    wrong = tuple(replace(m, name="<img src=x onerror=alert(1)>") for m in result.mistakes)
    text = build(
        replace(
            result,
            mistakes=wrong,
            command="plusx train '<b>'",
            data_notes=("<i>note</i>",),
            broken=(("a\udcff\x00<u>.png", "not an <image>"),),
            environment={"device": "<p>", "more": {"a": [1, None, True]}},
        )
    )
    page = Page(text)
    assert {"script", "b", "u", "image>"} & page.tags == set()
    assert "onerror" not in re.sub(r"&lt;img src=x onerror=alert\(1\)&gt;", "", text)
    for name in names:
        assert name in page.text
    assert "a\N{REPLACEMENT CHARACTER}\N{REPLACEMENT CHARACTER}<u>.png" in page.text
    assert "a = 1, not set, yes" in page.text
    text.encode()


def test_a_run_that_stopped_early_says_so(result: TrainResult) -> None:
    text = build(
        replace(
            result,
            test=None,
            test_mirrored=None,
            mistakes=(),
            probes=(),
            epochs=(),
            best_epoch=None,
            originals=torch.empty(0, 3, 8, 8, dtype=torch.uint8),
            augmented=torch.empty(0, 3, 8, 8, dtype=torch.uint8),
            class_counts={},
            health=Health("bad", "Something is wrong: it stopped.", ()),
        )
    )
    Page(text)
    for name in ("confusion", "mistakes", "calibration"):
        assert "stopped before its test" in section(text, name)
    for name in ("gradient", "change", "activations"):
        assert "before the network was probed" in section(text, name)
    assert "before its first epoch" in section(text, "learning")
    assert "No epoch was finished" in section(text, "cost")
    assert "No images were kept" in section(text, "augmentation")


def test_without_a_test_the_validation_stands_first(result: TrainResult) -> None:
    assert result.best_epoch == 9
    text = verdict(replace(result, test=None, mistakes=()))
    assert f"<strong>{result.epochs[8].val_accuracy:.1%}</strong>" in text
    assert "of the validation images right at best" in text


def test_one_epoch_and_one_probe() -> None:
    text = build(made(num_epochs=1, num_probes=1, side=8, channels=1))
    assert "only probe of the run" in section(text, "gradient")
    assert 'id="gradient-map"' not in text


def test_no_mistakes(result: TrainResult) -> None:
    test = evaluation(np.eye(10), np.arange(10), CLASSES)
    perfect = replace(result, test=test, mistakes=())
    assert "There are none" in mistakes(perfect).body
    assert "None: every test image was recognised" in confusion(perfect).body
    assert "<strong>100%</strong>" in verdict(perfect)


@pytest.mark.parametrize("value", [math.nan, math.inf, 0.0])
def test_figures_that_are_not_finite(result: TrainResult, value: float) -> None:
    epochs = tuple(
        replace(e, train_loss=value, val_loss=value, val_accuracy=value, train_accuracy=value)
        for e in result.epochs
    )
    probes = tuple(
        replace(
            probe,
            signal=replace(
                probe.signal,
                parts=tuple(
                    replace(part, gradient=value, share=None if part.share is None else value)
                    for part in probe.signal.parts
                ),
                activations=tuple(
                    replace(a, mean=value, std=value) for a in probe.signal.activations
                ),
            ),
        )
        for probe in result.probes
    )
    lost = replace(result, epochs=epochs, probes=probes, test=None)
    drawn = [part(lost).body for part in (learning, gradient, change, activations)]
    assert all("<svg" in body for body in drawn)
    assert "<strong>" in verdict(lost)
    if not math.isfinite(value):
        assert "not a finite number" in drawn[0]
        assert "no gradient was a finite number" in drawn[1]


def test_one_epoch_that_diverged_is_named(result: TrainResult) -> None:
    epochs = (*result.epochs[:4], replace(result.epochs[4], val_loss=math.inf), *result.epochs[5:])
    assert "In epoch 5 a loss was not" in learning(replace(result, epochs=epochs)).body


def test_a_plain_network_has_no_units_to_show() -> None:
    plain = made(model="plain20", num_probes=2, side=8)
    assert "plain20 has no residual units" in change(plain).body
    assert "<svg" in gradient(plain).body


def test_a_hundred_classes_have_no_numbers_in_their_cells() -> None:
    many = made(classes=[f"class {i}" for i in range(100)], num_probes=0, side=8)
    drawn, _, _ = confusion(many).body.partition("</figure>")
    assert drawn.count("<text") < 20
    assert "<details><summary>Every class" in material(many).body


def test_ten_classes_have_numbers_in_their_cells(result: TrainResult) -> None:
    drawn, _, _ = confusion(result).body.partition("</figure>")
    assert result.test is not None
    assert drawn.count("<text") == 2 * 10 + 2 + np.count_nonzero(result.test.confusion)


def test_broken_files_are_counted_and_listed(result: TrainResult) -> None:
    broken = tuple((f"folder/{i}.png", "truncated") for i in range(1200))
    data = material(replace(result, broken=broken)).body
    assert "1,200 files could not be read" in data
    assert "folder/0.png" in data and "and 700 more" in data


def test_photographs_are_made_smaller(result: TrainResult) -> None:
    large = torch.randint(0, 256, (12, 3, 448, 448), dtype=torch.uint8)
    shown = seen(replace(result, originals=large, augmented=large)).body
    assert len(shown) < 1_000_000
    assert 'class="smooth"' in shown
    assert 'class="crisp"' in mistakes(result).body


def test_equal_units_are_folded() -> None:
    text = structure(made(model="resnet32", num_probes=0, side=8)).body
    assert "stages.0.0 x 5" in text
    assert "15 units" in text


def test_the_interval_holds_the_accuracy(result: TrainResult) -> None:
    for test in (guesses("ab", count=5), guesses("abc", count=5000)):
        found = re.search(r"between ([\d.]+)% and ([\d.]+)%", verdict(replace(result, test=test)))
        assert found is not None
        assert float(found[1]) < 100 * test.accuracy <= float(found[2])


@pytest.mark.full
def test_a_very_deep_network_with_many_probes() -> None:
    result = made(model="resnet110", num_probes=1000, num_epochs=200, side=8)
    assert len(build(result).encode()) < 2_000_000
