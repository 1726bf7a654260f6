"""What a word stands for: names, runs, saved models, libraries, factories; and what is refused."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import nn
from watchers import Silent

from plusx import InputError, create, load, save
from plusx.doctor.target import Asked, target
from plusx.train import run
from plusx.train.config import TrainConfig

FACTORY = """
from dataclasses import dataclass
from torch import nn

WIDTH = 4

@dataclass
class Settings:
    width: int = WIDTH

class Small(nn.Sequential):
    def __init__(self, width=WIDTH, classes=3):
        super().__init__(
            nn.Conv2d(1, width, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(width, classes)
        )

ready = Small(5)

def fails():
    raise OSError("no such thing")

def nothing():
    return 7

def leaves():
    raise SystemExit(7)
"""


@pytest.fixture(autouse=True)
def _same_path() -> Iterator[None]:
    path, modules = list(sys.path), set(sys.modules)
    yield
    sys.path[:] = path
    for name in set(sys.modules) - modules:
        if name.startswith("somebody"):
            del sys.modules[name]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "somebodys_net.py"
    path.write_text(FACTORY)
    return path


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("target") / "r"
    config = TrainConfig(
        data="digits", model="resnet8", epochs=1, batch_size=256, device="cpu", learning_rate=0.05
    )
    run.train(config, reporter=Silent(), out=folder)
    return folder


def weight_of(model: nn.Module) -> torch.Tensor:
    return next(model.parameters())


def test_a_name_is_the_papers_network() -> None:
    found = target("resnet8", Asked(num_classes=7, in_channels=1, size=16))
    assert found.name == "resnet8" and found.training is None and not found.material.real
    assert found.material.x.shape == (16, 1, 16, 16)
    assert found.model(found.material.x).shape == (16, 7)
    sized = target("vit_tiny_patch4_32", Asked(size=16))
    assert sized.model(sized.material.x).shape == (16, 10)


def test_arguments_are_the_options_of_a_name() -> None:
    found = target("resnet8", Asked(arguments={"shortcut": "project", "drop_path": 0.2}))
    same = create("resnet8", num_classes=10, shortcut="project", drop_path=0.2)
    assert found.model.state_dict().keys() == same.state_dict().keys()
    with pytest.raises(InputError, match="shortcut is \\[1\\]"):
        target("resnet8", Asked(arguments={"shortcut": [1]}))


def test_with_data_a_name_is_what_would_be_trained() -> None:
    found = target("resnet8", Asked(data="digits"))
    assert found.material.real and found.material.x.shape[1:] == (1, 8, 8)
    assert found.model(found.material.x[:2]).shape == (2, 10)
    assert found.training is not None and found.training.optimizer is not None
    held = {p for group in found.training.optimizer.param_groups for p in group["params"]}
    assert held == set(found.model.parameters())
    assert all(group["lr"] > 0 for group in found.training.optimizer.param_groups)
    assert any(note.startswith("Recipe quick") for note in found.material.notes)
    assert found.material.augment is not None and found.material.train is not None
    images = found.material.train.images[:3]
    generator = torch.Generator().manual_seed(0)
    assert found.material.augment(images, generator).shape == (3, 1, 8, 8)
    with pytest.raises(InputError, match="the data digits say it"):
        target("resnet8", Asked(data="digits", num_classes=3))


def test_a_run_brings_weights_data_and_recipe(trained: Path) -> None:
    found = target(str(trained))
    assert (found.name, found.run) == ("r", trained) and found.material.real
    assert torch.equal(weight_of(found.model), weight_of(load(trained / "model")))
    training = found.training
    assert training is not None and training.optimizer is not None and training.loss is not None
    assert training.batch_size == 256
    assert {group["lr"] for group in training.optimizer.param_groups} == {0.05}
    held = {p for group in training.optimizer.param_groups for p in group["params"]}
    assert held == set(found.model.parameters())
    logits = found.model(found.material.x)
    assert found.material.y is not None
    assert torch.isfinite(training.loss(logits, found.material.y))


def test_a_run_whose_data_are_gone_is_examined_without(trained: Path, tmp_path: Path) -> None:
    import json
    import shutil

    copy = tmp_path / "copy"
    shutil.copytree(trained, copy)
    config = json.loads((copy / "config.json").read_text())
    (copy / "config.json").write_text(json.dumps(config | {"data": "/nowhere.zip"}))
    found = target(str(copy))
    assert not found.material.real and found.run == copy and found.name == "copy"
    assert "nowhere.zip" in found.material.notes[0]
    shutil.rmtree(copy / "model")
    with pytest.raises(InputError, match="no model yet"):
        target(str(copy))


def test_a_saved_model_is_examined_on_what_it_was_trained_on(trained: Path, tmp_path: Path) -> None:
    alone = target(str(trained / "model"))
    assert alone.name == "resnet8" and alone.material.x.shape == (16, 1, 8, 8)
    on_data = target(str(trained / "model"), Asked(data="digits"))
    assert torch.equal(on_data.material.x, target(str(trained)).material.x)
    save(create("resnet8", num_classes=4), tmp_path / "m")
    assert target(str(tmp_path / "m")).material.x.shape == (16, 3, 32, 32)
    with pytest.raises(InputError, match="holds a network; leave it out"):
        target(str(trained), Asked(num_classes=3))
    with pytest.raises(InputError, match="holds no trained network"):
        target(str(tmp_path))


def test_weights_come_from_files_of_tensors_alone(tmp_path: Path, file: Path) -> None:
    other = create("resnet8", num_classes=10)
    save(other, tmp_path / "m")
    found = target("resnet8", Asked(weights=str(tmp_path / "m")))
    assert torch.equal(weight_of(found.model), weight_of(other))
    module = target(f"{file}:Small").model
    with torch.no_grad():
        weight_of(module).fill_(2.0)
    save_file(module.state_dict(), tmp_path / "w.safetensors")
    again = target(f"{file}:Small", Asked(weights=str(tmp_path / "w.safetensors")))
    assert torch.equal(weight_of(again.model), weight_of(module))
    wrong = Asked(weights=str(tmp_path / "w.safetensors"), arguments={"width": 5})
    with pytest.raises(InputError, match=r"another shape of tensor '0\.bias', 3 such"):
        target(f"{file}:Small", wrong)


class Malign:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return exec, ("raise SystemExit('code of a file of weights ran')",)


def test_a_file_of_weights_runs_no_code(tmp_path: Path, file: Path) -> None:
    torch.save({"0.weight": Malign()}, tmp_path / "w.pth")
    with pytest.raises(InputError, match=r"w\.pth"):
        target(f"{file}:Small", Asked(weights=str(tmp_path / "w.pth")))


def test_a_factory_of_a_file_is_called(file: Path) -> None:
    found = target(f"{file}:Small", Asked(arguments={"width": 6, "classes": 2}, size=9))
    assert found.name == "Small" and found.material.x.shape == (16, 1, 9, 9)
    assert found.model(found.material.x).shape == (16, 2)
    assert weight_of(target(f"{file}:ready").model).shape[0] == 5
    data = target(f"{file}:Small", Asked(data="digits", arguments={"classes": 10}))
    assert data.material.real and data.material.x.shape[1:] == (1, 8, 8)


def test_a_factory_of_a_module_is_called(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file.rename(file.with_name("somebodys_module.py"))  # no other test has imported it by this name
    monkeypatch.chdir(file.parent)
    assert target("somebodys_module:Small").material.x.shape[1] == 1
    asked = Asked(arguments={"in_features": 4, "out_features": 2})
    assert isinstance(target("torch.nn:Linear", asked).model, nn.Linear)


@pytest.mark.parametrize(
    ("words", "asked", "message"),
    [
        ("resnet9", Asked(), "depth 6n"),
        ("resmet18", Asked(), "Expected a network of `plusx models`, a run folder"),
        ("some/where", Asked(), "some/where is no folder"),
        ("{file}", Asked(), "names no factory, expected"),
        ("{file}:Smal", Asked(), "leaves; did you mean 'Small'?"),
        ("{file}:other", Asked(), "it defines Settings, Small, ready, fails, nothing, leaves"),
        ("{file}:leaves", Asked(), "ends the program (exit status 7)"),
        ("{file}:WIDTH", Asked(), "is of type int"),
        ("{file}:nothing", Asked(), "gave int, expected a torch.nn.Module"),
        ("{file}:fails", Asked(), "raised OSError: no such thing"),
        ("{file}:Small", Asked(arguments={"depth": 3}), "unexpected keyword argument 'depth'"),
        ("{file}:Small", Asked(num_classes=3), "--arg NAME=3"),
        ("nowhere.py:net", Asked(), "there is no file nowhere.py"),
        ("no_such_module:net", Asked(), "cannot be imported: ModuleNotFoundError"),
    ],
)
def test_what_stands_for_nothing_is_refused(
    words: str, asked: Asked, message: str, file: Path
) -> None:
    with pytest.raises(InputError) as told:
        target(words.format(file=file), asked)
    assert message in str(told.value)


def test_a_file_that_cannot_be_run_says_why(tmp_path: Path) -> None:
    path = tmp_path / "somebodys_error.py"
    path.write_text("import nowhere_to_be_found\n")
    with pytest.raises(InputError, match="ModuleNotFoundError: No module named 'nowhere_to"):
        target(f"{path}:net")


def test_a_file_that_ends_the_program_says_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "somebodys_script.py"
    begin = "import argparse\nparser = argparse.ArgumentParser()\n"
    path.write_text(f"{begin}parser.add_argument('data')\nparser.parse_args()\n")
    words = list(sys.argv)
    with pytest.raises(InputError, match=r"ends the program \(exit status 2\).*__main__"):
        target(f"{path}:net")
    assert sys.argv == words and "somebodys_script.py" in capsys.readouterr().err
    path.write_text(f"{begin}parser.parse_args()\nfrom torch import nn\nnet = nn.Linear(2, 3)\n")
    assert isinstance(target(f"{path}:net").model, nn.Linear)


@pytest.mark.parametrize("library", ["torchvision", "timm"])
def test_a_library_that_is_missing_or_broken_is_named(
    library: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, library, None)
    with pytest.raises(InputError, match=f"{library} is not installed; pip install {library}"):
        target(f"{library}:resnet18")
    monkeypatch.delitem(sys.modules, library)
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / f"{library}.py").write_text("raise RuntimeError('operator does not exist')\n")
    with pytest.raises(InputError, match="cannot be imported \\(operator does not exist\\)"):
        target(f"{library}:resnet18")
