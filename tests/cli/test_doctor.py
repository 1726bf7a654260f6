"""plusx doctor: what it prints and writes, and its exit status."""

import json
from dataclasses import fields
from inspect import signature
from pathlib import Path

import pytest

from cli.calls import Run
from plusx.cli.doctor import doctor
from plusx.cli.grouped import DOCTOR
from plusx.doctor import Finding
from plusx.doctor.diagnosis import Diagnosis

BROKEN = """
from torch import nn

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(1, 4, 3)
        self.head = nn.Linear(4, 10)

    def forward(self, x):
        return self.head(self.conv(x))
"""


@pytest.fixture(autouse=True)
def _narrow(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")


@pytest.fixture
def broken(tmp_path: Path) -> Path:
    path = tmp_path / "somebodys_broken.py"
    path.write_text(BROKEN)
    return path


def test_a_healthy_network_is_status_0(plusx: Run) -> None:
    status, out, err = plusx("doctor", "resnet8", "--budget", "4s", "--num-classes", 10)
    assert status == 0 and out.startswith(("resnet8 is healthy: ", "resnet8: nothing to")), out
    assert " fine, " in out and "left to a longer --budget" in " ".join(out.split())
    assert err == "", "no bar where there is no terminal"


def test_what_is_wrong_is_status_1_on_a_page_and_as_json(
    plusx: Run, broken: Path, tmp_path: Path
) -> None:
    page = tmp_path / "report.html"
    words = ("doctor", f"{broken}:Net", "--data", "digits", "--quick")
    status, out, _ = plusx(*words, "--html", page)
    assert status == 1 and max(map(len, out.splitlines()[:-1])) <= 80
    assert out.startswith("Something is wrong with Net: the network does not run")
    assert "\nWRONG    " in out and "\n  why    " in out and "\n  next   " in out
    assert out.splitlines()[-1] == f"Report  {page}"
    assert page.read_text().startswith("<!DOCTYPE html>")
    status, out, _ = plusx(*words, "--json")
    found = json.loads(out)
    assert status == 1 and found["verdict"] == "wrong"
    assert found["findings"][0]["cause"] == "does not run"
    assert set(found["findings"][0]) == {field.name for field in fields(Finding)}


@pytest.mark.parametrize(
    ("verdict", "words", "status"),
    [
        ("fine", (), 0),
        ("warning", (), 0),
        ("warning", ("--fail-on", "warning"), 1),
        ("wrong", (), 1),
        ("wrong", ("--fail-on", "warning"), 1),
    ],
)
def test_the_status_follows_the_verdict(
    plusx: Run, monkeypatch: pytest.MonkeyPatch, verdict: str, words: tuple[str, ...], status: int
) -> None:
    finding = Finding(check="wiring.runs", verdict=verdict, title="Some title")  # type: ignore[arg-type]
    said = Diagnosis("net", (finding,), (), 1.0, ("a note",))
    asked: list[dict[str, object]] = []

    def examine(*given: object, **more: object) -> Diagnosis:
        asked.append(more)
        return said

    monkeypatch.setattr("plusx.doctor.examine", examine)
    assert plusx("doctor", "resnet8", "--expect", "resnet14", *words)[0] == status
    assert asked[0]["expect"] == "resnet14" and asked[0]["budget"] == "1m"


def test_all_lists_what_is_fine_and_what_was_not_asked(plusx: Run) -> None:
    _, out, _ = plusx("doctor", "resnet8", "--budget", "1s", "--all")
    assert "\nfine     The network runs (" in out
    assert "left to a longer --budget" in " ".join(out.split())
    last = out.splitlines()[-1]
    assert last == "Images are made up: nothing is said of what depends on real ones."


def test_arguments_are_json_or_words(plusx: Run, broken: Path) -> None:
    status, _, err = plusx("doctor", f"{broken}:Net", "--arg", "depth=18", "--arg", "kind=b")
    assert status == 2 and "raised TypeError" in err and "'depth'" in err
    words = ("--arg", "in_features=4", "--arg", "out_features=3", "--arg", "bias=false")
    assert plusx("doctor", "torch.nn:Linear", *words, "--budget", "1s")[0] == 0


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["doctor"], "--target"),
        (["doctor", "resmet18"], "there is no network 'resmet18'"),
        (["doctor", "nowhere/run"], "nowhere/run is no folder"),
        (["doctor", "resnet8", "--expect", "resmet18"], "no network 'resmet18'"),
        (["doctor", "resnet8", "--budget", "soon"], "budget is 'soon'"),
        (["doctor", "resnet8", "--quick", "--budget", "20s"], "--quick is --budget 10s"),
        (["doctor", "resnet8", "--data", "nowhere.zip"], "nowhere.zip"),
        (["doctor", "resnet8", "--arg", "depth"], "expected NAME=VALUE"),
        (["doctor", "resnet8", "--fail-on", "fine"], "fail-on"),
        (["doctor", "no_such_module:net"], "cannot be imported"),
        (["doctor", "resnet8", "--size", "0"], "size is 0"),
    ],
)
def test_a_wrong_call_is_status_2_and_a_sentence(
    plusx: Run, words: list[str], message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    status, out, err = plusx(*words)
    assert status == 2 and message in err + out and "Traceback" not in err


def test_every_option_has_one_place_in_the_help(
    plusx: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = {"every": "all", "json_output": "json"}
    taken = {names.get(name, name).replace("_", "-") for name in signature(doctor).parameters}
    listed = [name for names in DOCTOR.values() for name in names]
    assert len(listed) == len(set(listed)) and set(listed) == taken
    out = plusx("doctor", "--help")[1]
    assert "─ Other " not in out and "Code of others" in out


def test_a_run_that_is_not_healthy_does_not_begin_unless_anyway(
    plusx: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from plusx.train.result import Examination

    bad = Examination("bad", "Something is wrong with it.", (), "the whole table", 0.1)
    monkeypatch.setattr("plusx.doctor.before_training.before_training", lambda *run: bad)
    words = ("train", "--data", "digits", "--model", "resnet8", "--epochs", 1, "--out")
    status, _, err = plusx(*words, tmp_path / "r")
    assert status == 1 and not (tmp_path / "r").exists()
    assert "the whole table" in err and "--anyway" in err and "Traceback" not in err
    status, out, _ = plusx(*words, tmp_path / "r", "--batch-size", 256, "--anyway")
    assert "Something is wrong with it." in out and (tmp_path / "r" / "report.html").exists()
