"""plusx gates: what it writes and prints, and what it refuses."""

import json
from inspect import signature
from pathlib import Path

import pytest

from cli.calls import Run
from plusx.cli.gates import gates
from plusx.cli.grouped import GATES

GATED = """
from plusx import create

def net(attention="se"):
    return create("resnet8", num_classes=10, in_channels=1, attention=attention)
"""


@pytest.fixture(autouse=True)
def _beside_somebodys_gates(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "somebodys_gates.py").write_text(GATED)


NET = ("gates", "somebodys_gates.py:net", "--data", "digits", "--count", 12)


def test_page_and_pictures_lie_in_one_folder(plusx: Run, tmp_path: Path) -> None:
    status, out, err = plusx(*NET, "-o", "here")
    assert status == 0 and err == ""
    assert out.startswith("net is not trained: its weights are random")
    assert max(map(len, out.splitlines())) <= 100
    assert "of 12 images are right" in out and "net is not trained" in out
    assert "net is not trained" in (tmp_path / "here" / "gates.html").read_text()
    assert "Page      here/gates.html" in out
    files = {path.name for path in (tmp_path / "here").iterdir() if path.name[0] != "."}
    assert {"gates.html", "dynamics.png", "flow.png", "importance.png"} < files
    assert f"Pictures  {len(files) - 1} beside it" in out


def test_other_folders_are_refused_before_the_work(plusx: Run, tmp_path: Path) -> None:
    status, _, err = plusx(*NET, "-o", "somebodys_gates.py")
    assert status == 2 and "somebodys_gates.py is a file, expected a folder" in err
    status, _, err = plusx(*NET, "-o", tmp_path)
    assert status == 2 and "holds other files" in err and "give another --out" in err
    assert {path.name for path in tmp_path.iterdir()} == {"somebodys_gates.py"}


@pytest.mark.full
def test_it_says_when_there_are_fewer_images_than_asked_for(plusx: Run) -> None:
    status, out, _ = plusx(*NET[:-1], 9999)
    (said,) = [line for line in out.splitlines() if line.startswith("Looked at")]
    seen = int(said.split()[2])
    assert status == 0 and 12 < seen < 9999 and "not 9999" in said
    assert f"of {seen:,} images are right" in out
    assert "Looked at" not in plusx(*NET)[1]


@pytest.mark.full
def test_json_has_the_figures_of_every_gate(plusx: Run, tmp_path: Path) -> None:
    status, out, _ = plusx(*NET, "--arg", "attention=cbam", "--json")
    found = json.loads(out)
    assert status == 0 and (tmp_path / "gates" / "net" / "gates.html").exists()
    assert len(found["weights"]["gates"]) == len(found["dynamics"]["gates"]) == 6
    assert len(found["beside Grad-CAM"]) == 3
    assert found["importance"]["gate"] == found["weights"]["gates"][-2]["name"]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["gates"], "--network"),
        (["gates", "resmet18"], "there is no network 'resmet18'"),
        (["gates", "seresnet18"], "no images to look at its gates with"),
        (["gates", "resnet8", "--data", "digits"], "no gate"),
        ([*NET, "--gate", "stages.0.0.unit.transform.gat"], "stages.0.0.unit.transform.gate"),
        ([*NET[:-1], "1"], "count is 1"),
        (["gates", "."], "holds no trained network; give a run folder"),
        ([*NET, "--arg", "attention"], "expected NAME=VALUE"),
    ],
)
def test_a_wrong_call_is_status_2_and_a_sentence(
    plusx: Run, words: list[str], message: str
) -> None:
    status, out, err = plusx(*words)
    assert status == 2 and message in err + out and "Traceback" not in err


def test_every_option_has_one_place_in_the_help(plusx: Run) -> None:
    taken = {name.removesuffix("_output") for name in signature(gates).parameters}
    listed = [name for names in GATES.values() for name in names]
    assert len(listed) == len(set(listed)) and set(listed) == taken
    assert "─ Other " not in plusx("gates", "--help")[1]
