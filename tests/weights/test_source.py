"""Where weights come from: files read without running them, wrappings, folders."""

import os
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from weight_samples import cifar

from plusx import InputError, create, load_weights, save


@pytest.mark.parametrize("suffix", [".pth", ".pt", ".th", ".safetensors"])
def test_files_are_read(suffix: str, tmp_path: Path) -> None:
    state, path = cifar(), tmp_path / f"weights{suffix}"
    if suffix == ".safetensors":
        save_file(state, path)
    else:
        torch.save(state, path)
    for source in (path, str(path)):
        model = create("resnet8", num_classes=10)
        assert load_weights(model, source).layout == "cifar"
        assert torch.equal(model.stem.conv.weight, state["conv1.weight"])


def test_old_files_of_torch_are_read(tmp_path: Path) -> None:
    torch.save(cifar(), tmp_path / "old.th", _use_new_zipfile_serialization=False)
    load_weights(create("resnet8", num_classes=10), tmp_path / "old.th")


@pytest.mark.parametrize("wrapper", ["state_dict", "model", "net", "model_state_dict"])
@pytest.mark.parametrize("prefix", ["", "module.", "_orig_mod.module.", "model."])
def test_wrappings_are_taken_off(wrapper: str, prefix: str, tmp_path: Path) -> None:
    state = {f"{prefix}{key}": tensor for key, tensor in cifar().items()}
    torch.save({wrapper: state, "epoch": 3, "best_prec1": 91.7}, tmp_path / "checkpoint.th")
    report = load_weights(create("resnet8", num_classes=10), tmp_path / "checkpoint.th")
    assert report.layout == "cifar" and f"under {wrapper!r}" in str(report)
    assert ("before every key" in str(report)) == bool(prefix)


@pytest.mark.parametrize("averaged", ["state_dict_ema", "model_ema", "ema"])
def test_averaged_weights_come_first_and_the_report_says_so(averaged: str) -> None:
    state = cifar()
    content = {
        "state_dict": {key: torch.zeros_like(tensor) for key, tensor in state.items()},
        averaged: {
            "n_averaged": torch.tensor(7),
            **{f"module.{key}": tensor for key, tensor in state.items()},
        },
    }
    model = create("resnet8", num_classes=10)
    report = load_weights(model, content)
    words = f"taken from under {averaged!r}, the averaged weights, not 'state_dict'"
    assert words in str(report)
    assert torch.equal(model.stem.conv.weight, state["conv1.weight"])


def test_a_number_that_says_how_the_average_goes_is_not_taken_for_weights() -> None:
    state = {f"model.{key}": tensor for key, tensor in cifar().items()}
    content = {"ema": 0.999, "state_dict": state, "model": "resnet8"}
    report = load_weights(create("resnet8", num_classes=10), content)
    assert "under 'state_dict'; taken off: 'model.'" in str(report)


@pytest.mark.parametrize("name", ["a.pth", "a.safetensors"])
def test_an_empty_file_is_called_empty(name: str, tmp_path: Path) -> None:
    (tmp_path / name).touch()
    with pytest.raises(InputError, match=rf"{name} is empty; copy or download it again"):
        load_weights(create("resnet8"), tmp_path / name)


def test_a_saved_models_folder_is_read(tmp_path: Path) -> None:
    saved, model = create("resnet8", num_classes=10), create("resnet8", num_classes=10)
    save(saved, tmp_path / "m")
    assert load_weights(model, tmp_path / "m").layout == "plusx"
    assert torch.equal(model.stem.conv.weight, saved.stem.conv.weight)


class Malicious:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.mkdir, (os.environ["PLUSX_TEST_HARM"],)


@pytest.mark.parametrize("zipped", [True, False])
def test_no_code_is_run(zipped: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    harm, path = tmp_path / "harm", tmp_path / "weights.pth"
    monkeypatch.setenv("PLUSX_TEST_HARM", str(harm))
    content = {**cifar(), "more": Malicious()}
    torch.save(content, path, _use_new_zipfile_serialization=zipped)
    with pytest.raises(InputError, match="asks for code, which was not run") as caught:
        load_weights(create("resnet8", num_classes=10), path)
    assert not harm.exists()
    assert "weights_only" not in str(caught.value)
    torch.load(path, weights_only=False)  # it would have
    assert harm.exists()


def test_files_that_are_no_weights_are_refused(tmp_path: Path) -> None:
    model = create("resnet8", num_classes=10)
    for name in ("a.pth", "a.safetensors"):
        for content in (b"", b"nothing", b"PK\x03\x04" + bytes(40), b"\x80\x02" + bytes(40)):
            (tmp_path / name).write_bytes(content)
            with pytest.raises(InputError, match=name.replace(".", r"\.")):
                load_weights(model, tmp_path / name)
    whole = tmp_path / "whole.pth"
    torch.save(cifar(), whole)
    whole.write_bytes(whole.read_bytes()[:-4000])
    with pytest.raises(InputError, match="whole"):
        load_weights(model, whole)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ([torch.zeros(2)], "holds no weights"),
        ({}, "holds no weights"),
        ({"state_dict": {}}, "holds no weights"),
        ({"a": torch.zeros(1), "epoch": 3, "note": "x"}, "more than tensors by name: epoch, note"),
        ({3: torch.zeros(1)}, "more than tensors by name: 3"),
    ],
)
def test_contents_that_are_no_weights_are_refused(
    content: object, words: str, tmp_path: Path
) -> None:
    torch.save(content, tmp_path / "weights.pth")
    with pytest.raises(InputError, match=words):
        load_weights(create("resnet8"), tmp_path / "weights.pth")


def test_places_that_are_no_files_are_refused(tmp_path: Path) -> None:
    model = create("resnet8")
    (tmp_path / "weights.onnx").touch()
    with pytest.raises(InputError, match="there is no file"):
        load_weights(model, tmp_path / "none.pth")
    with pytest.raises(InputError, match=r"has no model\.safetensors"):
        load_weights(model, tmp_path)
    with pytest.raises(InputError, match=r"'\.onnx'; weights are read from \.safetensors"):
        load_weights(model, tmp_path / "weights.onnx")
    with pytest.raises(InputError, match="this is a list"):
        load_weights(model, [1, 2])
