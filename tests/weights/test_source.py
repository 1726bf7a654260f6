"""Where weights come from: files read without running them, wrappings, folders, the hub."""

import os
import sys
from pathlib import Path
from types import ModuleType

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
@pytest.mark.parametrize("prefix", ["", "module.", "_orig_mod.module."])
def test_wrappings_are_taken_off(wrapper: str, prefix: str, tmp_path: Path) -> None:
    state = {f"{prefix}{key}": tensor for key, tensor in cifar().items()}
    torch.save({wrapper: state, "epoch": 3, "best_prec1": 91.7}, tmp_path / "checkpoint.th")
    report = load_weights(create("resnet8", num_classes=10), tmp_path / "checkpoint.th")
    assert report.layout == "cifar" and f"under {wrapper!r}" in str(report)
    assert ("'module.' before every key" in str(report)) == bool(prefix)


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


def fake_hub(monkeypatch: pytest.MonkeyPatch, answers: dict[str, object]) -> list[tuple[str, ...]]:
    """Stand in for huggingface_hub: `answers` by file, a path or an error; return the calls."""
    hub, errors = ModuleType("huggingface_hub"), ModuleType("huggingface_hub.errors")
    errors.EntryNotFoundError = type("EntryNotFoundError", (Exception,), {})
    errors.LocalEntryNotFoundError = type(
        "LocalEntryNotFoundError", (FileNotFoundError, errors.EntryNotFoundError), {}
    )
    calls = []

    def hf_hub_download(repository: str, file: str, *, revision: str | None) -> str:
        calls.append((repository, file, revision or ""))
        answer = answers[file]
        if isinstance(answer, str):
            raise getattr(errors, answer)("not here")
        if isinstance(answer, Exception):
            raise answer
        return str(answer)

    hub.hf_hub_download = hf_hub_download
    monkeypatch.setitem(sys.modules, "huggingface_hub", hub)
    monkeypatch.setitem(sys.modules, "huggingface_hub.errors", errors)
    return calls


def test_the_hub_gives_safetensors_or_else_a_pickle(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    torch.save(cifar(), tmp_path / "pytorch_model.bin")
    answers = {
        "model.safetensors": "EntryNotFoundError",
        "pytorch_model.bin": tmp_path / "pytorch_model.bin",
    }
    calls = fake_hub(monkeypatch, answers)
    assert load_weights(create("resnet8", num_classes=10), "hub:a/b@v2").layout == "cifar"
    assert calls == [("a/b", "model.safetensors", "v2"), ("a/b", "pytorch_model.bin", "v2")]


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        ("LocalEntryNotFoundError", "the hub cannot be reached; try again with a network"),
        ("EntryNotFoundError", "has none of model.safetensors, pytorch_model.bin"),
        (OSError("401 not for you\nmore"), "cannot be fetched: 401 not for you$"),
        (ValueError("three parts"), "no 'hub:owner/name': three parts"),
    ],
)
def test_what_the_hub_refuses_is_said_in_a_line(
    answer: object, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake_hub(monkeypatch, {"model.safetensors": answer, "pytorch_model.bin": answer})
    with pytest.raises(InputError, match=f"hub:timm/x {words}".replace("timm/x", "timm/x.*")):
        load_weights(create("resnet50"), "hub:timm/x")


def test_without_huggingface_hub_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    with pytest.raises(InputError, match=r"pip install 'plusx\[hub\]'"):
        load_weights(create("resnet50"), "hub:timm/resnet50.a1_in1k")
