"""plusx explain: what it prints and writes, of a run, a name and somebody's own network."""

import json
import shutil
from inspect import signature
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from cli.calls import Run
from plusx import InputError, create, files, save
from plusx.cli.explain import explain
from plusx.cli.grouped import EXPLAIN
from plusx.cli.subject import pool_of, subject
from plusx.data import InputSpec
from plusx.doctor.target import Asked
from plusx.report import explain as page
from plusx.train.setup import Silent

SPEC = InputSpec(("cat", "dog"), 3, 16, 16, (0.5,) * 3, (0.25,) * 3)
OWN = """
from torch import nn

def net(classes=3):
    pool = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, classes))
    return nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(), pool)
"""

TWICE = """
from torch import nn

class Twice(nn.Module):
    def __init__(self):
        super().__init__()
        self.one, self.two = nn.Conv2d(4, 4, 3, padding=1), nn.Conv2d(4, 4, 3, padding=1)

    def forward(self, x):
        x = x + self.one(x)
        return x + self.two(x).relu()

def net():
    pool = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 3))
    return nn.Sequential(nn.Conv2d(3, 4, 3, padding=1), Twice(), pool)
"""


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    """A run folder with nothing but the model, and a folder of four images beside it."""
    folder = tmp_path / "run" / "model"
    save(create("resnet8", num_classes=2), folder)
    (folder / "input.json").write_text(SPEC.to_json())
    generator = np.random.default_rng(0)
    for number in range(4):
        path = tmp_path / "photos" / "cat" / f"{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(generator.integers(256, size=(20, 18, 3), dtype=np.uint8)).save(path)
    return tmp_path / "run"


def test_a_run_is_explained_into_its_own_folder(plusx: Run, saved: Path) -> None:
    photos = saved.parent / "photos"
    words = ("explain", saved, photos, "--count", 2, "--method", "layer-cam")
    status, out, err = plusx(*words)
    assert status == 0 and err == ""
    assert "cat/0.png" in out and "cat/3.png" in out and "Layer-CAM" in out
    page = saved / "explain" / "explain.html"
    assert f"Page      {page}" in out and "Explanation of run" in page.read_text()
    pictures = {path.name for path in page.parent.glob("*.png")}
    assert {"1-0-layer-cam.png", "2-3-split.png", "2-3-way.png"} <= pictures
    assert f"{len(pictures)} beside it" in out


def test_json_and_another_class_and_folder(plusx: Run, saved: Path, tmp_path: Path) -> None:
    photos = saved.parent / "photos" / "cat" / "1.png"
    words = ("--method", "grad-cam", "--target", "dog", "-o", tmp_path / "there", "--json")
    status, out, _ = plusx("explain", saved / "model", photos, *words)
    said = json.loads(out)
    assert status == 0 and said["images"][0]["explained"] == "dog"
    assert {each["class"] for each in said["images"][0]["top"]} == {"cat", "dog"}
    assert [each["method"] for each in said["methods"]] == ["grad-cam"]
    assert (tmp_path / "there" / "explain.html").is_file()


def test_somebodys_own_network_and_what_is_assumed_of_it(
    plusx: Run, saved: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "somebodys_net.py").write_text(OWN)
    monkeypatch.chdir(tmp_path)
    words = ("--arg", "classes=4", "--size", 12, "--method", "hires-cam", "--count", 1)
    status, out, _ = plusx("explain", "somebodys_net.py:net", saved.parent / "photos", *words)
    assert status == 0 and "Images are 12x12, normalised by a mean of 0.5" in out
    assert (
        "gives trained weights cannot be told" in out
        and "Not followed through the shortcuts" in out
    )
    assert (tmp_path / "explain" / "net" / "explain.html").is_file()


def test_a_network_by_name_is_the_same_each_time_and_called_random() -> None:
    one, other = (subject("resnet8", Asked(data="digits"), Silent()) for _ in range(2))
    drawn = dict(other.model.state_dict())
    assert all(torch.equal(drawn[key], value) for key, value in one.model.state_dict().items())
    assert any("resnet8 has random weights" in note for note in one.notes)


def test_pictures_of_an_earlier_time_go_and_nothing_else(plusx: Run, saved: Path) -> None:
    photos = saved.parent / "photos" / "cat"
    assert plusx("explain", saved, photos, "--method", "grad-cam", "--count", 3)[0] == 0
    folder = saved / "explain"
    assert (folder / "3-3-way.png").is_file()
    kept = folder / "3-mine.png"
    shutil.copy(photos / "0.png", kept)
    assert plusx("explain", saved, photos / "0.png", "--method", "grad-cam")[0] == 0
    assert {path.name[0] for path in folder.glob("*.png")} == {"1", "3"} and kept.is_file()
    assert [path.name for path in folder.glob("3-*")] == ["3-mine.png"]


@pytest.mark.full
def test_what_is_interrupted_leaves_nothing_for_good(
    plusx: Run, saved: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    photos, folder = saved.parent / "photos" / "cat", saved / "explain"
    full = files.write_bytes

    def fails(path: Path, content: bytes) -> None:
        if path.name == "explain.html":
            raise OSError("no space left on device")
        full(path, content)

    def unbuilt(*given: object) -> str:
        raise RuntimeError

    with monkeypatch.context() as patched:
        patched.setattr(page, "build", unbuilt)
        with pytest.raises(RuntimeError):
            plusx("explain", saved, photos / "0.png", "--method", "grad-cam")
    assert not folder.exists()
    with monkeypatch.context() as patched:
        patched.setattr(files, "write_bytes", fails)
        assert plusx("explain", saved, photos, "--method", "layer-cam", "--count", 3)[0] != 0
    assert plusx("explain", saved, photos / "1.png", "--method", "grad-cam")[0] == 0
    assert {path.name[0] for path in folder.glob("*.png")} == {"1"}


def test_a_folder_of_others_and_a_file_are_refused_before_the_work(plusx: Run, saved: Path) -> None:
    photos = saved.parent / "photos" / "cat"
    before = sorted(photos.iterdir())
    status, _, err = plusx("explain", saved, photos, "-o", photos)
    assert status == 2 and "holds other files, expected a new or empty folder" in err
    for out in (photos / "0.png", photos / "0.png" / "deep"):
        status, _, err = plusx("explain", saved, photos, "-o", out)
        assert status == 2 and "0.png is a file, expected a folder" in err and "--out" in err
    assert sorted(photos.iterdir()) == before


def test_a_layer_that_features_cannot_show_is_told_before_the_work(
    plusx: Run, saved: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("plusx.explain.decide", lambda *_, **__: pytest.fail("too late"))
    words = ("--method", "occlusion", "--features", "--unit", "nowhere")
    status, _, err = plusx("explain", saved, saved.parent / "photos", *words)
    assert status == 2 and "no unit 'nowhere'" in err


def test_features_of_a_unit_by_its_number(
    plusx: Run, saved: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("plusx.cli.explain.STEPS", 1)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "twice_net.py").write_text(TWICE)
    photo = saved.parent / "photos" / "cat" / "1.png"
    words = ("--size", 12, "--method", "layer-cam", "--unit", "1:2", "--features")
    status, _, err = plusx("explain", "twice_net.py:net", photo, *words)
    assert status == 0, err
    assert [*(tmp_path / "explain" / "net").glob("features-1-1-*.png")]
    assert (tmp_path / "explain" / "net" / "explain.html").is_file()


@pytest.mark.full
def test_features_take_their_examples_from_the_data(
    plusx: Run, saved: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("plusx.cli.explain.STEPS", 2)
    photos = saved.parent / "photos"
    words = ("explain", saved, photos / "cat" / "2.png", "--method", "grad-cam", "--features")
    assert plusx(*words)[0] == 0
    page = saved / "explain" / "explain.html"
    assert "Give more images, or --data" in page.read_text()
    status, _, err = plusx(*words, "--data", photos)
    assert status == 2 and "expected two or more" in err
    (photos / "dog").mkdir()
    for number in range(12):
        name = ("cat", "dog")[number % 2]
        shutil.copy(photos / "cat" / "3.png", photos / name / f"more{number}.png")
    status, _, _ = plusx(*words, "--data", photos)
    assert status == 0 and "those it answers to least" in page.read_text()
    assert (saved / "explain" / "features-filters.png").is_file()
    assert plusx(*words, "--unit", "stages.1.0")[0] == 0
    names = [path.name for path in (saved / "explain").glob("features-[1-9]*.png")]
    assert names and all("-stages.1.0.unit-" in name for name in names)


def test_a_network_is_found_with_how_it_takes_images(saved: Path) -> None:
    found = subject(str(saved), Asked(), Silent())
    assert found.spec == SPEC and found.name == "run" and pool_of(found) is None
    named = subject("resnet20", Asked(num_classes=4), Silent())
    assert (named.spec.size, named.spec.channels, named.spec.classes) == (32, 3, ())
    assert named.spec.mean == (0.485, 0.456, 0.406)
    of_data = subject("resnet8", Asked(data="digits"), Silent())
    assert of_data.spec.channels == 1 and len(of_data.spec.classes) == 10
    pool = pool_of(of_data)
    assert pool is not None and len(pool) == 256 and pool.pixels.shape[1:] == (1, 8, 8)
    with pytest.raises(InputError, match=r"weights is given, but .* holds a network"):
        subject(str(saved), Asked(weights="w.safetensors"), Silent())
    with pytest.raises(InputError, match="expected square images"):
        subject("residual_lstm4", Asked(), Silent())


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "--network"),
        (["run"], "IMAGE requires an argument"),
        (["nowhere/run", "photos"], "nowhere/run is no folder"),
        (["run", "nowhere.png"], "there is no nowhere.png"),
        (["run", "photos", "--method", "gradcam"], "did you mean 'grad-cam'"),
        (["run", "photos", "--target", "cow"], "there is no class 'cow'"),
        (["run", "photos", "--unit", "stages.7"], "no unit 'stages.7'"),
        (["run", "photos", "--unit", "stages.7", "--method", "occlusion"], "did you mean"),
        (["run", "photos", "--count", "0"], "0 images were asked for"),
        (["photos", "photos"], "holds no trained network"),
    ],
)
def test_a_wrong_call_is_status_2_and_a_sentence(
    plusx: Run, saved: Path, words: list[str], message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(saved.parent)
    status, out, err = plusx("explain", *words)
    assert status == 2 and message in err + out and "Traceback" not in err


def test_every_option_has_one_place_in_the_help(
    plusx: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    names = {"json_output": "json", "images": "IMAGE"}
    taken = {names.get(name, name).replace("_", "-") for name in signature(explain).parameters}
    listed = [name for names in EXPLAIN.values() for name in names]
    assert len(listed) == len(set(listed)) and set(listed) == taken
    out = plusx("explain", "--help")[1]
    assert "─ Other " not in out and "Code of others" in out
    assert "NETWORK IMAGE..." in out and "Image files; of a folder" in out
