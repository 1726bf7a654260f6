"""The page of gates: names that tell them apart, sentences that follow from figures, files."""

from collections.abc import Sequence
from dataclasses import replace
from io import BytesIO

import numpy as np
import pytest
import torch
from matplotlib import pyplot
from PIL import Image

from gate_samples import studied
from plusx.analysis.drawing import new_axes
from plusx.analysis.gate_importance import Channel, Kept
from plusx.analysis.gate_weights import ChannelWeights, GateWeights
from plusx.explain.gate_study import GateStudy
from plusx.report.explain.overlay import big
from plusx.report.gates import build
from plusx.report.gates.findings import findings, sentence
from plusx.report.gates.labels import labels
from plusx.report.gates.pngs import pictures
from plusx.report.gates.sections import shown_weights
from plusx.report.gates.where import strip


def named(*gates: tuple[str, str]) -> GateWeights:
    one, two = np.ones(2), np.ones((1, 2))
    rows = (ChannelWeights(name, kind, "", one, one, two, 0.0, 0.0) for name, kind in gates)
    return GateWeights(("a",), 1, tuple(rows))


@pytest.mark.parametrize(
    ("names", "wanted"),
    [
        (("s.0.1.gate", "s.2.1.gate"), ["0.1 channel", "2.1 channel"]),
        (("layer1.0.se", "layer2.0.se"), ["layer1 channel", "layer2 channel"]),
        (("a.a", "a"), ["a.a channel", "a channel"]),
        (("gate",), ["gate channel"]),
        (("",), [""]),
    ],
)
def test_short_names_tell_gates_apart(names: tuple[str, ...], wanted: list[str]) -> None:
    found = labels(named(*((name, "channel") for name in names)))
    assert list(found) == list(names) and list(found.values()) == wanted


def test_every_section_is_there_and_what_is_long_has_full_names() -> None:
    found = studied()
    text = build(found)
    for name in ("dynamics", "weights", "where", "importance", "complexity", "flow"):
        assert f'<section id="{name}"' in text
    assert "some run: gates" in text and "&lt;right&gt;" in text and "<right>" not in text
    assert all(gate.name in text for gate in found.weights.gates)
    assert text.count('alt="Grad-CAM of ') == len(found.beside) * len(found.pixels)


def test_sections_without_figures_are_left_out() -> None:
    found = replace(studied(), beside=(), importance=None, complexity=None, notes=("Why.",))
    text = build(found)
    assert not any(f'<section id="{n}"' in text for n in ("where", "importance", "complexity"))
    assert '<section id="notes"' in text and "Why." in text


@pytest.mark.parametrize(
    ("lost", "interval", "change", "wanted"),
    [
        (0.02, (0.01, 0.03), 0.4, "held at their means they cost 2.0 points of accuracy (95% int"),
        (-0.02, (-0.03, -0.01), 0.4, "changes by +2.0 points (95% interval +1.0 to +3.0)"),
        (0.02, (-0.01, 0.02), 0.001, "hardly answer"),
        (-0.02, (-0.04, 0.01), 0.4, "nothing shows that the network needs it"),
        (-0.02, (-0.04, 0.01), 0.4, "by +2.0 points, which 24 images do not tell from none"),
        (0.0, (-0.04, 0.04), 0.4, "changes by +0.0 points, which 24 images do not tell from none"),
    ],
)
def test_the_sentence_follows_from_the_interval(
    lost: float, interval: tuple[float, float], change: float, wanted: str
) -> None:
    found = studied()
    together = replace(found.dynamics.together, lost=lost, interval=interval, change=change)
    changed = replace(found, dynamics=replace(found.dynamics, together=together))
    assert wanted in sentence(changed) and "cost -" not in sentence(changed)


def test_random_weights_are_said_first() -> None:
    found = replace(studied(), untrained=True)
    assert "is not trained" in sentence(found) and sentence(found) in build(found)
    assert "random weights" in titles(found)[0]
    assert not any("random weights" in title for title in titles(studied()))


def test_a_gate_tells_classes_apart_only_beyond_chance() -> None:
    found = studied()

    def said(between: float) -> str:
        gates = [replace(gate, between=0.0) for gate in found.weights.gates]
        gates[1] = replace(gates[1], between=between)
        changed = replace(found, weights=replace(found.weights, gates=tuple(gates)))
        return " ".join(titles(changed)) + build(changed)

    name = labels(found.weights)[found.weights.gates[1].name]
    assert f"tells classes apart most is {name}" in said(0.9)
    assert "Nothing shows that a gate tells classes apart" in said(0.1)  # one image of 24 makes it
    assert "tells classes apart most" not in said(0.1)


@pytest.mark.parametrize(
    ("rises", "together", "wanted"),
    [
        (range(12), 0.9, "eavy channels of NAME matter more"),
        (range(12), 0.1, "eavy channels of NAME matter more alone, not together"),
        (range(12, 0, -1), 0.9, "eavy channels of NAME matter less"),
        (
            (3, 1, 4, 1, 5, 9, 2, 6, 5, 3, 5, 8),
            0.9,
            "Nothing shows that heavy channels of NAME matter more",
        ),
    ],
)
def test_heavy_channels_matter_by_the_interval(
    rises: Sequence[float], together: float, wanted: str
) -> None:
    found = studied()
    rows = tuple(Channel(i, i / 12, rise) for i, rise in enumerate(rises))
    kept = (Kept(0.5, together, together, (0.3, 0.5)),)
    assert found.importance is not None
    one = replace(found.importance, channels=rows, kept=kept)
    name = labels(found.weights)[one.gate]
    said = titles(replace(found, importance=one))
    (title,) = (each for each in said if "heavy channels" in each.lower())
    assert title.endswith(wanted.replace("NAME", name))


def test_weights_that_never_change_are_said_to_be_the_same() -> None:
    found = studied()
    rows = tuple(replace(gate, std=0 * gate.std) for gate in found.weights.gates)
    same = build(replace(found, weights=replace(found.weights, gates=rows)))
    said = "They are the same for every image."
    assert same.count(said) == len(shown_weights(found)) > build(found).count(said)


def test_every_gate_of_a_chart_has_its_label() -> None:
    found = studied()
    dynamics, flow = found.dynamics, found.flow
    many = replace(
        dynamics, gates=tuple(replace(dynamics.gates[0], name=f"{i}") for i in range(30))
    )
    axes = new_axes()
    many.plot(axes)
    assert [text.get_text() for text in axes.get_yticklabels()][:30] == [f"{i}" for i in range(30)]
    rows = tuple(replace(flow.rows[0], gate=f"{i}") for i in range(30))
    axes = new_axes()
    replace(flow, rows=rows).plot(axes)
    assert [text.get_text() for text in axes.get_yticklabels()] == [f"{i}" for i in range(30)]
    pyplot.close("all")


def test_photos_stand_once_and_every_row_has_the_name_of_its_gate() -> None:
    found = studied()
    text = build(found)
    assert text.count('alt="the image"') == len(found.pixels)
    by = labels(found.weights)
    assert all(f"<h3>{by[each.gate]}, over Grad-CAM of" in text for each in found.beside)


def test_maps_that_hardly_differ_look_flat() -> None:
    found = studied()
    maps = torch.linspace(0.995, 0.997, 144).view(1, 12, 12).expand(6, -1, -1)
    flat = replace(found.beside[0], maps=maps, cams=None)
    side = big(found.pixels[0]).shape[1]
    drawn = strip(found, flat)[:, side:].int()
    wide = strip(found, replace(flat, maps=maps * 500 - 497))[:, side:].int()
    colour = [int((each.amax(0) - each.amin(0)).max()) for each in (drawn, wide)]
    assert colour[0] < 10 < 100 < colour[1]
    text = build(replace(found, beside=(flat,)))
    assert "They hardly differ from place to place" in text


def test_complexity_of_gates_that_never_change_is_a_sentence_and_no_empty_charts() -> None:
    found = studied()
    assert found.complexity is not None
    nan = float("nan")
    rows = tuple(replace(row, r=nan, low=nan, high=nan) for row in found.complexity.rows)
    flat = build(replace(found, complexity=replace(found.complexity, rows=rows)))
    for text, empty in ((flat, True), (build(found), False)):
        assert ("there is nothing to correlate" in text) == empty
        assert ("complexity-edges" in text) != empty


def test_why_no_channels_are_taken_away_is_said_in_their_section() -> None:
    why = "No channels are taken away."
    text = build(replace(studied(), importance=None, notes=(why,), left_out=why))
    assert '<section id="importance"' in text and text.count(why) == 1
    assert '<section id="notes"' not in text


def titles(found: GateStudy) -> list[str]:
    return [each.title for each in findings(found, labels(found.weights))]


@pytest.mark.parametrize(
    ("r", "wanted"),
    [
        ([0.5, 0.6, 0.7], "looks where the answer comes from"),
        ([-0.5, -0.6, -0.7], "turns down what the answer rests on"),
        ([-0.5, 0.6, 0.1], "Nothing shows that the last gate of places looks where"),
        ([0.3, 0.5], "Nothing shows that the last gate of places looks where"),  # -0.87 to 1.67
    ],
)
def test_where_a_gate_looks_is_judged_by_the_interval(r: list[float], wanted: str) -> None:
    found = studied()
    last = replace(found.beside[-1], r=np.array(r))
    assert any(wanted in t for t in titles(replace(found, beside=(*found.beside[:-1], last))))


def test_gates_that_could_be_fixed_are_counted() -> None:
    found = studied()
    rows = [replace(row, change=0.5) for row in found.dynamics.gates]
    none = replace(found, dynamics=replace(found.dynamics, gates=tuple(rows)))
    assert not any("fixed numbers" in title for title in titles(none))
    rows[2] = replace(rows[2], change=0.001)
    one = replace(found, dynamics=replace(found.dynamics, gates=tuple(rows)))
    assert f"1 of {len(rows)} gates could be fixed numbers" in titles(one)


def test_correlations_that_exclude_zero_are_counted() -> None:
    found = studied()
    assert found.complexity is not None
    rows = [replace(row, r=0.1, low=-0.1, high=0.3) for row in found.complexity.rows]
    rows[0] = replace(rows[0], r=0.6, low=0.4, high=0.8)
    changed = replace(found, complexity=replace(found.complexity, rows=tuple(rows)))
    assert f"1 of {len(rows)} correlations with the complexity of the image exclude 0" in titles(
        changed
    )


def test_files_are_pictures_of_their_names() -> None:
    files = dict(pictures(studied()))
    kinds = {name.removesuffix(".png").partition("-")[0] for name in files}
    assert kinds == {"dynamics", "flow", "weights", "where", "complexity", "importance"}
    for content in files.values():
        with Image.open(BytesIO(content)) as image:
            assert image.format == "PNG" and min(image.size) > 100


def test_a_strip_has_a_column_an_example_and_a_row_a_picture() -> None:
    found = studied()
    side = big(found.pixels[0]).shape[1]
    whole = strip(found, found.beside[0])
    assert whole.shape == (3, 3 * side, 6 * side) and whole.dtype == torch.uint8
    assert strip(found, replace(found.beside[0], cams=None)).shape == (3, 2 * side, 6 * side)
