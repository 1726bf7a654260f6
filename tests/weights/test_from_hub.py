"""Weights from the hub: what it gives, what it refuses, and no network at all."""

import sys
from pathlib import Path
from types import ModuleType

import pytest
import torch
from weight_samples import cifar

from plusx import InputError, create, load_weights


def fake_hub(
    monkeypatch: pytest.MonkeyPatch, answers: dict[str, object], first: Exception | None = None
) -> list[tuple[object, ...]]:
    """Stand in for huggingface_hub: `answers` by file, a path or an error; return the calls.

    `first` is the error that the hub has for the question whether it is there.
    """
    names = ("", ".errors", ".utils", ".utils.logging")
    hub, errors, utils, logging = (ModuleType(f"huggingface_hub{name}") for name in names)
    errors.HfHubHTTPError = type("HfHubHTTPError", (OSError,), {})
    errors.EntryNotFoundError = type("EntryNotFoundError", (Exception,), {})
    errors.LocalEntryNotFoundError = type(
        "LocalEntryNotFoundError", (FileNotFoundError, errors.EntryNotFoundError), {}
    )
    calls: list[tuple[object, ...]] = []

    def get_hf_file_metadata(url: str, *, timeout: float) -> None:
        assert url == "the file's place" and timeout <= 2
        if first is not None:
            raise first

    def hf_hub_download(
        repository: str, file: str, *, revision: str | None, local_files_only: bool
    ) -> str:
        calls.append((repository, file, revision or "", local_files_only))
        answer = answers[file]
        if isinstance(answer, str):
            raise getattr(errors, answer)("not here")
        if isinstance(answer, Exception):
            raise answer
        return str(answer)

    hub.hf_hub_download = hf_hub_download
    hub.get_hf_file_metadata = get_hf_file_metadata
    hub.hf_hub_url = lambda repository, file, *, revision: "the file's place"
    logging.level = 30
    logging.get_verbosity = lambda: logging.level
    logging.set_verbosity = lambda level: setattr(logging, "level", level)
    logging.set_verbosity_error = lambda: logging.set_verbosity(40)
    utils.logging = logging
    for module in (hub, errors, utils, logging):
        monkeypatch.setitem(sys.modules, module.__name__, module)
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
    assert calls == [
        ("a/b", "model.safetensors", "v2", False),
        ("a/b", "pytorch_model.bin", "v2", False),
    ]
    assert sys.modules["huggingface_hub.utils.logging"].level == 30  # as it was


@pytest.mark.parametrize("error", [ConnectionError("no route"), RuntimeError("its own kind")])
def test_without_a_network_the_cache_is_asked_and_nothing_else(
    error: Exception, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    torch.save(cifar(), tmp_path / "pytorch_model.bin")
    answers: dict[str, object] = {
        "model.safetensors": "LocalEntryNotFoundError",
        "pytorch_model.bin": tmp_path / "pytorch_model.bin",
    }
    calls = fake_hub(monkeypatch, answers, error)
    assert load_weights(create("resnet8", num_classes=10), "hub:a/b").layout == "cifar"
    answers["pytorch_model.bin"] = "LocalEntryNotFoundError"
    with pytest.raises(InputError, match="the hub cannot be reached; try again with a network"):
        load_weights(create("resnet8", num_classes=10), "hub:a/b")
    assert len(calls) == 4 and all(local for *_, local in calls)


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
