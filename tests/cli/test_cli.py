"""The verbs of the command line: what they print, and their exit status."""

import errno
import json
import os
import signal
import subprocess
import sys
from dataclasses import fields
from pathlib import Path

import pytest

from cli.calls import Run
from plusx import __version__
from plusx.cli import main
from plusx.cli.grouped import TRAIN
from plusx.train.config import TrainConfig

TINY = ("--model", "resnet8", "--batch-size", "256", "--device", "cpu")
SHORT = (*TINY, "--epochs", "1")


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("cli") / "run"
    with pytest.raises(SystemExit):
        main(["train", "--data", "digits", *TINY, "--epochs", "4", "--out", str(folder)])
    return folder


def test_help_and_version_do_without_torch(plusx: Run) -> None:
    code = (
        "import sys; from plusx.cli import main\n"
        "try: main(['--help'])\n"
        "finally: assert 'torch' not in sys.modules, 'torch'"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0 and "train" in done.stdout, done.stderr
    assert plusx("--version")[:2] == (0, f"{__version__}\n")


def test_the_help_of_train_begins_with_what_a_newcomer_needs(
    plusx: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    for width in (80, 120):
        monkeypatch.setenv("COLUMNS", str(width))
        status, said, _ = plusx("train", "--help")
        assert status == 0 and max(map(len, said.splitlines())) <= width
        words = said.replace("│", " ").split()
        options = [word for word in words if word.startswith("--")]
        first = [word for word in options if word in ("--data", "--model", "--recipe", "--epochs")]
        assert first[1:5] == ["--data", "--model", "--recipe", "--epochs"]  # the first is the usage
        places = [said.index(f"─ {title} ") for title in TRAIN]
        assert places == sorted(places) and "─ Other " not in said, "give it a group"
        assert "--no-flip" in said and "--no-fast" not in said and "--options.NAME" in said


def test_every_option_of_train_has_one_place_in_its_help() -> None:
    own = {"out", "devices", "find_lr", "find_batch_size", "plot", "anyway", "json"}
    known = own | {field.name for field in fields(TrainConfig)}
    listed = [name.replace("-", "_") for names in TRAIN.values() for name in names]
    assert len(listed) == len(set(listed)) and set(listed) == known


def test_train_ends_with_accuracy_health_report_and_model(plusx: Run, tmp_path: Path) -> None:
    status, out, _ = plusx("train", "--data", "digits", *SHORT, "--out", tmp_path / "r")
    assert status in (0, 1)  # after one epoch the network may have learned next to nothing
    last = out.strip().splitlines()[-5:]
    assert last[0].startswith("test accuracy")
    assert last[2].startswith(("Healthy", "Worth a look", "Something is wrong"))
    assert last[-2].split() == ["Report", str(tmp_path / "r" / "report.html")]
    assert (tmp_path / "r" / "report.html").read_text().startswith("<!DOCTYPE html>")
    assert f"plusx predict {tmp_path / 'r'} IMAGE" in last[-1]


def test_predict_prints_classes_and_probabilities(
    plusx: Run, trained: Path, tmp_path: Path
) -> None:
    from PIL import Image

    image = tmp_path / "digit.png"
    Image.new("L", (8, 8)).save(image)
    status, out, _ = plusx("predict", trained, image, "--top", 3)
    assert status == 0 and out.splitlines()[0] == str(image)
    assert len(out.splitlines()) == 4 and "%" in out
    status, out, _ = plusx("predict", trained / "model", image, image, "--json")
    found = [json.loads(line) for line in out.splitlines()]
    assert len(found) == 2 and found[0]["image"] == str(image)
    assert sum(found[0]["probabilities"]) <= 1.0001


def test_predict_names_what_is_no_image_and_does_the_rest(
    plusx: Run, trained: Path, tmp_path: Path
) -> None:
    from PIL import Image

    (tmp_path / "text.jpg").write_text("not a picture")
    Image.new("L", (8, 8)).save(tmp_path / "a.png")
    status, out, err = plusx("predict", trained, tmp_path / "text.jpg", tmp_path / "a.png")
    assert status == 2 and "text.jpg" in err and "Traceback" not in err
    assert out.startswith(str(tmp_path / "a.png"))


def test_models_lists_and_filters(plusx: Run) -> None:
    def names(*words: object) -> list[str]:
        return [row["name"] for row in json.loads(plusx("models", *words, "--json")[1])]

    assert names("plain3*") == ["plain34", "plain32"]
    assert names("--family", "resnet-cifar", "--max-params", 0.5) == ["resnet20", "resnet32"]
    assert names("--family", "resnet", "--min-params", 40, "--max-params", 50) == ["resnet101"]
    assert names("--family", "resnet", "--max-macs", 2000) == ["resnet18"]
    assert names("--family", "resnet", "--min-macs", 11000) == ["resnet152", "resnet200"]
    assert names("depthwise", "3x3 or 5x5")[0] == "efficientnet_b0"


def test_models_gives_all_that_is_known(plusx: Run) -> None:
    (row,) = json.loads(plusx("models", "resnet110", "--family", "resnet-cifar", "--json")[1])
    assert (row["params"], row["units"], row["input"], row["year"]) == (1_727_962, 54, 32, 2015)
    assert row["published"] == {
        "figure": "6.43% error on CIFAR-10 (mean 6.61%)",
        "source": "He et al. 2015, table 6, best of 5",
    }
    assert (row["shortcut"], row["merge"]) == ("identity", "Add, ReLU")
    (row,) = json.loads(plusx("models", "bam_*", "--json")[1])
    assert row["other_units"][0]["transform"] == "BAM"


def test_models_shows_figures_with_their_sources(plusx: Run) -> None:
    lines = plusx("models", "resnet1*", "--family", "resnet-cifar")[1].splitlines()
    assert any(line.startswith("resnet-cifar: He et al. 2015, Deep") for line in lines)
    row = next(line.split() for line in lines if line.startswith("    resnet110 "))
    assert row[1:4] == ["1.73M", "253M", "6.43%"] and row[-1] == "[1]"
    assert "  [1] He et al. 2015, table 6, best of 5" in lines
    assert "  [2] He et al. 2015, table 6" in lines  # numbered as they are read: resnet1202 next
    assert "  (identity | 3x3, BN, ReLU, 3x3, BN | Add, ReLU)" in lines


def test_info_counts_at_the_networks_own_size(plusx: Run) -> None:
    for name, size in (("vit_tiny_patch4_16", 16), ("efficientnet_phi1", 258)):
        found = json.loads(plusx("info", name, "--json")[1])
        assert found["input_size"] == [3, size, size]
    out = plusx("info", "highway10", "--options.image_size", 14)[1]
    assert "one image of 1x14x14" in out


def test_info_says_what_a_name_stands_for(plusx: Run) -> None:
    out = plusx("info", "preact_resnet50")[1]
    assert "preact_resnet50 is not in the paper" in out and "for an image of 3x32x32" in out
    assert "the networks for photographs are resnetv2_18" in out
    out = plusx("info", "resnet20")[1]
    assert "8.75% error on CIFAR-10 (He et al. 2015, table 6)" in out and "not in" not in out
    assert "Where it differs from the paper\n  the zero channels" in out


def test_info_lays_two_networks_side_by_side(plusx: Run) -> None:
    status, out, _ = plusx("info", "resnet20", "resnet32")
    assert status == 0 and "11 are equal" in out and "stages.2.3 x 2  (none)" in out
    out = plusx("info", "resnet50", "efficientnet_b3")[1]
    assert "image of 3x224x224" in out and "image of 3x300x300" in out


def test_info_draws_the_network(plusx: Run) -> None:
    status, out, _ = plusx("info", "resnet20")
    assert status == 0 and "269,722" in out and "pad 16 channels" in out
    status, out, _ = plusx("info", "resnet18", "--options.stem", "small", "--size", 32, "--json")
    assert json.loads(out)["rows"][0]["output"] == [64, 32, 32]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["info", "resnte20"], "did you mean 'resnet20'"),
        (["info", "resnet20", "--options.stem", "tiny"], "one of small, large, deep"),
        (["info", "resnet18", "--options.shortcut", "A"], "the paper's A is 'pad' here"),
        (["models", "no-such-network"], "no network matches"),
        (["models", "--family", "resnets"], "did you mean 'resnet'"),
        (["models", "--max-params", "nan"], "max-params is nan; expected a number of millions"),
        (["models", "--min-macs=-1"], "min-macs is -1; expected"),
        (["models", "--min-macs", "9", "--max-macs", "3"], "no network is in between"),
        (["train", "--data", "nowhere.zip"], "nowhere.zip"),
        (["train", "--data", "digits", "--model", "resnet21"], "20 and 26"),
        (["train", "--data", "digits", "--epochs", "0"], "1 or more"),
        (["train", "--data", "digits", "--epochs", "many"], "many"),
        (["train", "--data", "digits", "--modle", "resnet20"], "--model"),
        (["train"], "--data"),
        (["fly"], "fly"),
        (["resume", "nowhere"], "is no folder"),
        (["predict", "nowhere", "a.png"], "holds no trained network"),
        (["predict", "."], "no image was given"),
    ],
)
def test_a_wrong_call_is_status_2_and_a_sentence(
    plusx: Run, words: list[str], message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    status, out, err = plusx(*words)
    assert status == 2
    assert message in err + out and "Traceback" not in err
    assert not list(tmp_path.rglob("*.json")), "something was left half-written"


def test_an_unwritable_place_is_named(
    plusx: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(path: Path, *more: object, **named: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied", str(path))

    monkeypatch.setattr(Path, "mkdir", refuse)
    status, _, err = plusx("train", "--data", "digits", *SHORT, "--out", tmp_path / "r")
    assert status == 2 and f"no permission to write or read {tmp_path / 'r'}" in err


def test_a_full_disk_is_named(plusx: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    status, _, err = plusx("train", "--data", "digits", *SHORT, "--out", tmp_path / "r")
    assert status == 2 and "the disk is full" in err and "Traceback" not in err


@pytest.mark.full
def test_ctrl_c_saves_and_says_how_to_go_on(tmp_path: Path) -> None:
    folder = tmp_path / "r"
    words = ["train", "--data", "digits", "--model", "resnet8", "--epochs", "500"]
    started = subprocess.Popen(
        [sys.executable, "-m", "plusx", *words, "--out", str(folder)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert started.stdout is not None
    for line in started.stdout:
        if line.startswith("epoch"):
            break
    started.send_signal(signal.SIGINT)
    _, err = started.communicate(timeout=60)
    assert started.returncode == 75
    assert f"plusx resume {folder}" in err and "Traceback" not in err
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"epochs": 3}))
    done = subprocess.run(
        [sys.executable, "-m", "plusx", "resume", str(folder)], capture_output=True, text=True
    )
    assert done.returncode in (0, 1), done.stderr
    assert "Going on at" in done.stdout and (folder / "report.html").exists()
