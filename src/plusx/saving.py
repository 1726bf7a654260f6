"""save(model, folder) and load(folder): weights as safetensors, the network as JSON, no pickle."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

from torch import nn

from plusx.catalog import create
from plusx.errors import InputError
from plusx.files import write_bytes, write_text, written_folder
from plusx.zoo import Network

__all__ = ["load", "read_weights", "save", "write_model"]

CONFIG, WEIGHTS = "config.json", "model.safetensors"
FORMAT = 1


def save(model: nn.Module, folder: str | Path) -> None:
    """Write `model`, made by `create`, to `folder`: `config.json` and `model.safetensors`.

    An older saved model there is replaced as a whole. Raises `ValueError` for a model without a
    config and for a folder that holds anything else.
    """
    folder = Path(folder)
    if folder.exists():
        if not folder.is_dir():
            raise InputError(f"{folder} is a file; give a folder to save the model in")
        others = sorted({path.name for path in folder.iterdir()} - {CONFIG, WEIGHTS})
        if others:
            raise InputError(
                f"{folder} holds {others[0]!r}, so it is no saved model's folder; give a new folder"
            )
    with written_folder(folder) as new:
        write_model(model, new)


def write_model(model: nn.Module, folder: Path) -> None:
    """Write the two files of a saved model into an existing folder."""
    from safetensors.torch import save as to_bytes

    if not isinstance(model, Network) or model.config is None:
        raise InputError(
            "only a model made by plusx.create knows its config; save another one's "
            "state_dict() yourself"
        )
    tensors = {name: tensor.contiguous() for name, tensor in model.state_dict().items()}
    write_bytes(folder / WEIGHTS, to_bytes(tensors))
    write_text(folder / CONFIG, json.dumps({"format": FORMAT, **asdict(model.config)}, indent=2))


def load(folder: str | Path) -> Network:
    """Build the model that `save` wrote to `folder`, in evaluation mode, on the CPU.

    Raises `ValueError` when a file is missing or damaged, or when weights and config disagree.
    """
    folder = Path(folder)
    _refuse_other_places(folder)
    config = _read_config(folder / CONFIG)
    try:
        model = create(
            config["name"],
            num_classes=config["num_classes"],
            in_channels=config["in_channels"],
            **config["options"],
        )
    except RuntimeError as error:  # of torch's allocator
        raise InputError(f"{folder / CONFIG} describes a network that does not fit") from error
    read_weights(model, folder)
    return model.eval()


def _refuse_other_places(folder: Path) -> None:
    """Raise where a part of the folder lies elsewhere, or an index might send us there."""
    for path in folder.glob("*") if folder.is_dir() else ():
        if path.name.endswith(".index.json"):
            raise InputError(
                f"{path} is an index of several weight files, which a saved model does not have; "
                f"it has {CONFIG} and {WEIGHTS} alone"
            )
        if path.is_symlink() and path.resolve().parent != folder.resolve():
            raise InputError(f"{path} leads out of the folder of the saved model, to another file")


def _read_config(path: Path) -> dict[str, Any]:
    if not path.is_file():
        raise InputError(f"{path.parent} is no saved model: it has no {path.name}")
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path} is damaged: {error}") from error
    fields = {"format": int, "name": str, "num_classes": int, "in_channels": int, "options": dict}
    if not isinstance(config, dict) or set(config) != set(fields):
        raise InputError(f"{path} must hold exactly {', '.join(fields)}")
    for name, kind in fields.items():
        if type(config[name]) is not kind:  # True is an int, and no format
            raise InputError(f"{path}: {name} is {config[name]!r}; expected {kind.__name__}")
    if config["format"] != FORMAT:
        raise InputError(f"{path} has format {config['format']}; this version reads {FORMAT}")
    return config


def read_weights(model: nn.Module, folder: Path) -> None:
    """Fill `model` with the weights of a saved model of the same network."""
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    path = folder / WEIGHTS
    if not path.is_file():
        raise InputError(f"{path.parent} is no saved model: it has no {path.name}")
    try:
        tensors = load_file(path)
    except SafetensorError as error:
        raise InputError(f"{path} is damaged: {error}") from error
    expected = model.state_dict()
    for problem, names in (
        ("lacks", sorted(expected.keys() - tensors.keys())),
        ("has the unknown", sorted(tensors.keys() - expected.keys())),
    ):
        if names:
            raise InputError(
                f"{path} {problem} tensor {names[0]!r}, {len(names)} such in all: "
                "it belongs to another network than its config"
            )
    for name, tensor in tensors.items():
        if tensor.shape != expected[name].shape:
            raise InputError(
                f"{path}: {name} is {tuple(tensor.shape)}; the config's network has "
                f"{tuple(expected[name].shape)}"
            )
    kinds = {t.dtype for t in tensors.values() if t.is_floating_point()}
    if len(kinds) == 1:
        model.to(kinds.pop())  # saved in half precision, it is loaded so
    for name, tensor in model.state_dict().items():
        if tensors[name].dtype != tensor.dtype:
            raise InputError(
                f"{path}: {name} holds {tensors[name].dtype}; the config's network has "
                f"{tensor.dtype}"
            )
    model.load_state_dict(tensors)
