"""The page of gates: names that tell them apart, sentences that follow from figures, files."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from gate_samples import studied
from plusx.analysis.gate_weights import ChannelWeights, GateWeights
from plusx.explain.gate_study import GateStudy
from plusx.report.explain.overlay import big
from plusx.report.gates import build
from plusx.report.gates.findings import findings, sentence
from plusx.report.gates.labels import labels
from plusx.report.gates.pngs import write
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
    ("interval", "change", "wanted"),
    [
        ((0.01, 0.03), 0.4, "answer to the image: held at their means they cost 2.0 points"),
        ((-0.03, -0.01), 0.4, "do harm"),
        ((-0.01, 0.02), 0.001, "hardly answer"),
        ((-0.01, 0.02), 0.4, "nothing shows that the network needs it"),
    ],
)
def test_the_sentence_follows_from_the_interval(
    interval: tuple[float, float], change: float, wanted: str
) -> None:
    found = studied()
    together = replace(found.dynamics.together, lost=0.02, interval=interval, change=change)
    changed = replace(found, dynamics=replace(found.dynamics, together=together))
    assert wanted in sentence(changed)


def titles(found: GateStudy) -> list[str]:
    return [each.title for each in findings(found, labels(found.weights))]


@pytest.mark.parametrize(
    ("r", "wanted"),
    [
        ([0.5, 0.6, 0.7], "looks where the answer comes from"),
        ([-0.5, -0.6, -0.7], "turns down what the answer rests on"),
        ([-0.5, 0.6, 0.1], "looks elsewhere"),
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


def test_files_are_pictures_of_their_names(tmp_path: Path) -> None:
    found = studied()
    files = write(tmp_path, found)
    assert sorted(tmp_path.iterdir()) == sorted(files)
    kinds = {file.stem.partition("-")[0] for file in files}
    assert kinds == {"dynamics", "flow", "weights", "where", "complexity", "importance"}
    for file in files:
        with Image.open(file) as image:
            assert image.format == "PNG" and min(image.size) > 100


def test_a_strip_has_a_column_an_example_and_a_row_a_picture() -> None:
    found = studied()
    side = big(found.pixels[0]).shape[1]
    whole = strip(found, found.beside[0])
    assert whole.shape == (3, 3 * side, 6 * side) and whole.dtype == torch.uint8
    assert strip(found, replace(found.beside[0], cams=None)).shape == (3, 2 * side, 6 * side)
