"""save and load: bit for bit, and nothing that was tampered with."""

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import nn

from plusx import InputError, create, list_models, load, save


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=() if name in ("resnet20", "plain20") else pytest.mark.full)
        for name in list_models()
    ],
)
def test_round_trip_is_exact(name: str, tmp_path: Path) -> None:
    model = create(name, num_classes=5, in_channels=1, init="he")
    for buffer in model.buffers():
        buffer.copy_(torch.rand_like(buffer.float()) * 9)
    save(model, tmp_path / "m")
    found = load(tmp_path / "m")
    assert found.config == model.config and not found.training
    want = model.state_dict()
    assert found.state_dict().keys() == want.keys()
    assert all(torch.equal(tensor, want[key]) for key, tensor in found.state_dict().items())
    assert {path.name for path in (tmp_path / "m").iterdir()} == {
        "config.json",
        "model.safetensors",
    }


def test_saving_again_replaces_the_old_model_whole(tmp_path: Path) -> None:
    save(create("resnet8", num_classes=5), tmp_path / "m")
    save(create("resnet14", num_classes=5), tmp_path / "m")
    config = load(tmp_path / "m").config
    assert config is not None and config.name == "resnet14"
    assert [path.name for path in tmp_path.iterdir()] == ["m"]


def test_a_folder_of_something_else_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("years")
    with pytest.raises(InputError, match=r"holds 'thesis\.txt'"):
        save(create("resnet8"), tmp_path)
    with pytest.raises(InputError, match="is a file"):
        save(create("resnet8"), tmp_path / "thesis.txt")
    assert (tmp_path / "thesis.txt").read_text() == "years"


def test_a_foreign_model_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"made by plusx\.create"):
        save(nn.Linear(2, 2), tmp_path / "m")
    assert not (tmp_path / "m").exists()


def _edit_config(folder: Path, **changes: object) -> None:
    path = folder / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def _edit_tensors(folder: Path, change: str) -> None:
    tensors = load_file(folder / "model.safetensors")
    match change:
        case "missing":
            del tensors["head.linear.bias"]
        case "unknown":
            tensors["extra"] = torch.zeros(1)
        case "shape":
            tensors["head.linear.bias"] = torch.zeros(9)
    save_file(tensors, folder / "model.safetensors")


@pytest.mark.parametrize(
    ("tamper", "words"),
    [
        (lambda f: (f / "config.json").unlink(), "has no config.json"),
        (lambda f: (f / "model.safetensors").unlink(), "has no model.safetensors"),
        (lambda f: (f / "config.json").write_text("{"), "damaged"),
        (lambda f: (f / "config.json").write_text("[]"), "must hold exactly"),
        (lambda f: _edit_config(f, options={"stem": "huge"}), "stem='huge' is not known"),
        (lambda f: _edit_config(f, options={"run": "rm"}), "has no option 'run'"),
        (lambda f: _edit_config(f, options=3), "expected dict"),
        (lambda f: _edit_config(f, name="resnet20"), "lacks tensor"),
        (lambda f: _edit_config(f, num_classes=6), r"\(5,\); the config's network has \(6,\)"),
        (lambda f: _edit_config(f, format=99), "format 99"),
        (lambda f: _edit_config(f, more=1), "must hold exactly"),
        (lambda f: (f / "model.safetensors").write_bytes(b"nothing"), "damaged"),
        (lambda f: _edit_tensors(f, "missing"), "lacks tensor 'head.linear.bias'"),
        (lambda f: _edit_tensors(f, "unknown"), "unknown tensor 'extra'"),
        (lambda f: _edit_tensors(f, "shape"), r"head.linear.bias is \(9,\)"),
    ],
)
def test_a_tampered_folder_is_refused(tamper, words: str, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    save(create("resnet8", num_classes=5), tmp_path / "m")
    tamper(tmp_path / "m")
    with pytest.raises(InputError, match=words):
        load(tmp_path / "m")


def test_half_precision_comes_back_as_it_was(tmp_path: Path) -> None:
    model = create("resnet8", num_classes=5).to(torch.bfloat16)
    save(model, tmp_path / "m")
    found = load(tmp_path / "m").state_dict()
    for key, tensor in model.state_dict().items():
        assert found[key].dtype == tensor.dtype and torch.equal(found[key], tensor)


def test_a_tensor_of_another_kind_is_refused(tmp_path: Path) -> None:
    save(create("resnet8", num_classes=5), tmp_path / "m")
    path = tmp_path / "m" / "model.safetensors"
    tensors = load_file(path)
    for kind in (torch.int64, torch.float16):
        save_file(tensors | {"head.linear.bias": tensors["head.linear.bias"].to(kind)}, path)
        with pytest.raises(InputError, match=r"head\.linear\.bias holds"):
            load(tmp_path / "m")


@pytest.mark.parametrize("text", ["[" * 100_000, '{"format": true}'])
def test_a_config_that_is_none_is_refused(tmp_path: Path, text: str) -> None:
    save(create("resnet8", num_classes=5), tmp_path / "m")
    (tmp_path / "m" / "config.json").write_text(text)
    with pytest.raises(InputError, match=r"config\.json"):
        load(tmp_path / "m")


def test_a_folder_that_leads_elsewhere_is_refused(tmp_path: Path) -> None:
    save(create("resnet8", num_classes=5), tmp_path / "m")
    index = tmp_path / "m" / "model.safetensors.index.json"
    index.write_text('{"weight_map": {"head.linear.bias": "../../etc/passwd"}}')
    with pytest.raises(InputError, match="is an index"):
        load(tmp_path / "m")
    index.unlink()
    weights = tmp_path / "m" / "model.safetensors"
    weights.rename(tmp_path / "elsewhere")
    weights.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(InputError, match="leads out of the folder"):
        load(tmp_path / "m")
