"""The page of an explanation: whole, escaped, a sentence under each picture, failures marked."""

import json
import re
from dataclasses import replace
from io import BytesIO

import pytest
import torch
from PIL import Image
from test_report import Page

from explain_samples import decided, looked
from plusx.explain import Attribution, Decision, Faithfulness, Sanity, Way
from plusx.explain.methods import BY_LAYER, BY_PIXEL
from plusx.report.explain import build
from plusx.report.explain.overlay import big, over, signed
from plusx.report.explain.pngs import pictures
from plusx.report.explain.sentences import beats_chance, by_halves, by_unit, removal, where

FIGURE = re.compile(r'<figure id="([^"]+)">.*?<figcaption>(.*?)</figcaption>', flags=re.DOTALL)


@pytest.fixture(scope="module")
def text() -> str:
    return build(decided(), looked())


def _with(found: Decision, correlation: float, *, which: int) -> Decision:
    """The same decision, with another outcome of a method's check."""
    each = list(found.judged)
    each[which] = replace(each[which], sanity=Sanity("m", ("stem",), (correlation,)))
    return replace(found, judged=tuple(each))


def _empty(maps: Attribution) -> Attribution:
    return replace(maps, raw=(-torch.ones(2, 4, 4),))


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
    assert ("Layer-CAM: only in part about this network" in text) is not passes
    text = build(_with(decided(), correlation, which=0))
    assert ("The maps of Grad-CAM depend only in part on the weights" in text) is not passes


def test_how_alike_maps_are_grades_the_words() -> None:
    weak, strong = (Page(build(_with(decided(), alike, which=0))).text for alike in (0.4, 0.8))
    assert "they are partly the same (agreement 0.40" in weak
    assert "they are much the same (agreement 0.80" in strong and "hardly depend" in strong
    passing = _with(_with(decided(), 0.4, which=0), 0.0, which=1)
    assert "Look at Layer-CAM, which passes" in Page(build(passing)).text
    failing = _with(_with(decided(), 0.4, which=0), 0.4, which=1)
    assert "No method that was asked passes: try others" in Page(build(failing)).text


def test_no_figure_is_a_negative_zero() -> None:
    found = _with(decided(), -0.0004, which=0)
    assert "agreement 0.00" in build(found) and "-0.00 " not in found.table()
    assert not re.search(r"-0(\.0+)?[^.\d]", Page(build(found)).text)


@pytest.mark.parametrize("scale", [1.0, 0.01])
def test_what_removal_costs_is_told_by_what_is_at_stake(scale: float) -> None:
    def curves(*values: float) -> torch.Tensor:
        return scale * torch.tensor([values])

    falls, rises = curves(0.9, 0.1, 0.1), curves(0.1, 0.9, 0.9)
    slow, late = curves(0.9, 0.5, 0.1), curves(0.1, 0.5, 0.9)
    clear = Faithfulness("m", falls, rises, slow, late)
    said = removal(clear, "x")
    assert beats_chance(clear) and "costs clearly more" in said and "restores it clearly" in said
    near = Faithfulness("m", curves(0.9, 0.48, 0.1), rises, slow, late)
    said = removal(near, "x")
    assert not beats_chance(near) and "does not clearly cost more of the answer" in said
    assert ", but bringing them back first restores it clearly sooner" in said
    wrong = removal(Faithfulness("m", slow, late, falls, rises), "x")
    assert "costs no more" in wrong and ", and bringing them back first restores it no" in wrong


def test_small_probabilities_keep_their_digits() -> None:
    found = decided()
    small = replace(found.main.faithfulness, deleted=found.main.faithfulness.deleted / 1000)
    other = replace(found, judged=(replace(found.main, faithfulness=small),))
    said = f"{small.deletion:.3g}"
    assert float(said) < 0.001 and said in other.table() and f">{said}<" in build(other)
    assert said in small.table()


def test_a_network_that_is_one_unit_is_called_the_whole_network() -> None:
    found = decided()
    way = found.ways[0]
    names = ("", *way.through.units[1:])
    of_root = Way(replace(way.split, unit=""), replace(way.through, units=names))
    main = replace(found.main, maps=replace(found.main.maps, layers=("",)))
    text = Page(build(replace(found, ways=(of_root,), judged=(main,)))).text
    assert "The map of the whole network is exactly" in text and "The map of  is" not in text
    assert "what the whole network added" in build(replace(found, ways=(of_root,)))
    assert (
        "the whole network" in of_root.through.table() and "of the whole" in of_root.split.table()
    )


def test_units_that_are_left_out_of_a_row_of_pictures_are_counted() -> None:
    found = decided()
    assert "For want of room" not in build(found)
    way = found.ways[0].through
    many = replace(
        way,
        units=tuple(f"u{number}" for number in range(9)),
        added=way.added[:, :1].expand(-1, 9),
        offsets=way.offsets[:, :1].expand(-1, 9),
        maps=way.maps[:1] * 9,
    )
    text = build(replace(found, ways=(Way(found.ways[0].split, many),)))
    shown = re.findall(r"these are (\d) of 9 units", text)
    assert len(shown) == 2 and text.count(' added"') == sum(map(int, shown))


def test_the_name_of_a_layer_stands_above_its_channels(text: str) -> None:
    for layer in dict.fromkeys(layer for layer, _ in looked().excited.at):
        assert re.search(rf"<h3>{re.escape(layer)}</h3>.*?<h4>Channel", text, flags=re.DOTALL)


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
    nothing = replace(found.main, maps=_empty(found.main.maps))
    assert "finds no place that speaks for \u201cx\u201d" in where(nothing, 0, "x")
    way = replace(found.ways[0].through.of(0), evidence=torch.zeros(1))
    assert "no unit holds evidence" in by_unit(way)


def test_its_pictures_are_files_too() -> None:
    files = dict(pictures(decided(), looked()))
    wanted = ("", "-grad-cam", "-layer-cam", "-removal", "-split", "-way")
    assert {
        f"1-one-1{end}.png" for end in wanted
    } <= files.keys() and "features-filters.png" in files
    for content in files.values():
        with Image.open(BytesIO(content)) as image:
            assert image.format == "PNG" and min(image.size) > 90


def test_each_method_and_each_channel_has_a_file_of_its_own() -> None:
    found, seen = decided(1), looked()
    every = tuple(replace(found.main, name=name) for name in (*BY_LAYER, *BY_PIXEL))
    long = replace(seen.excited, at=tuple((f"{'a' * 60}.{at}", 0) for at in range(3)))
    names = [
        name
        for name, _ in pictures(
            replace(found, judged=every, ways=()), replace(seen, excited=long, filters=None)
        )
    ]
    assert len(names) == len(set(names))


def test_the_first_sentence_names_the_class_that_the_map_is_of() -> None:
    found = decided(1)
    _, (other, _) = found.top(0)[:2]
    assert "sure; half of what speaks for it is on" in Page(build(found)).text
    asked = decided(1, target=other)
    assert f"half of what speaks for \u201c{other}\u201d is on" in Page(build(asked)).text
    any_class = replace(asked, judged=(replace(asked.main, name="eigen-cam"),))
    text = Page(build(any_class)).text
    assert "half of what stands out is on" in text and "whatever the class" in text
    assert "speaks for \u201c" not in text.partition("Where")[0]


def test_of_empty_maps_nothing_is_claimed() -> None:
    found = decided()
    main = replace(found.main, maps=_empty(found.main.maps))
    untold = _with(replace(found, judged=(main, found.judged[1])), float("nan"), which=0)
    page = Page(build(untold))
    assert "depend on the weights cannot be told" in page.text
    assert "The maps of Grad-CAM name no place" in page.text and "names no place" in page.text
    assert "Here taking the glowing places away" not in page.text
    assert "image-1-removal" not in page.ids and "cannot be told" in untold.table()
    methods = json.loads(json.dumps(untold.to_json(), allow_nan=False))["methods"]
    assert methods[0]["passes"] is None is methods[0]["random_weights"]


def test_an_answer_that_no_layer_decides_is_not_said_to_be_against() -> None:
    found = decided(1)
    main = found.main
    for raw, words in (
        (0.0, "finds nothing for or against"),
        (-1.0, "speaks against it everywhere"),
    ):
        maps = replace(main.maps, raw=tuple(torch.full_like(m, raw) for m in main.maps.raw))
        assert words in where(replace(main, maps=maps), 0, "cat")
