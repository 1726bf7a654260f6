"""Reading weights: a file, a folder, a hub or a state dict becomes names and tensors."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from plusx.errors import InputError
from plusx.weights.hub import HUB, fetched

__all__ = ["Source", "Weights", "read"]

Source = str | Path | Mapping[str, Any]

PICKLED = (".pth", ".pt", ".th", ".tar", ".bin", ".ckpt")
IN_FOLDER = "model.safetensors"
AVERAGED = ("state_dict_ema", "model_ema", "ema_state_dict", "ema")
WRAPPERS = (*AVERAGED, "state_dict", "model_state_dict", "model", "net")
"""Averaged weights first, as timm and torchvision take them: they are the better ones."""
PREFIXES = ("module.", "_orig_mod.", "model.")
"""What torch's wrappers and Lightning's modules put before every key."""
COUNTER = "n_averaged"  # of torch's AveragedModel, beside its weights


@dataclass(frozen=True)
class Weights:
    """Tensors by name, where they came from, and what was taken off around them."""

    where: str
    tensors: Mapping[str, Tensor]
    notes: tuple[str, ...]


def read(source: Source) -> Weights:
    """Read `source` and take off its wrapping; `ValueError` where it holds no weights.

    No code of a file is run: a pickled file is read by `torch.load(weights_only=True)`.
    """
    if isinstance(source, Mapping):
        return _unwrapped("the state dict", source)
    if not isinstance(source, str | Path):
        raise InputError(
            f"weights come from a path, a state dict or 'hub:owner/name'; this is a "
            f"{type(source).__name__}"
        )
    if str(source).startswith(HUB):
        return _unwrapped(str(source), _file(fetched(str(source).removeprefix(HUB))))
    return _unwrapped(str(source), _file(Path(source)))


def _file(path: Path) -> Any:
    if path.is_dir():
        if not (path / IN_FOLDER).is_file():
            raise InputError(f"the folder {path} has no {IN_FOLDER}; give the weights' own file")
        path = path / IN_FOLDER
    if not path.is_file():
        raise InputError(f"there is no file {path}")
    if not path.stat().st_size and path.suffix in (".safetensors", *PICKLED):
        raise InputError(f"{path} is empty; copy or download it again")
    if path.suffix == ".safetensors":
        return _safetensors(path)
    if path.suffix in PICKLED:
        return _pickled(path)
    raise InputError(
        f"{path} ends in {path.suffix or 'nothing'!r}; weights are read from .safetensors, "
        f"{', '.join(PICKLED)}"
    )


def _safetensors(path: Path) -> Mapping[str, Tensor]:
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        return load_file(path)
    except SafetensorError as error:
        raise InputError(f"{path} is damaged: {error}; copy or download it again") from error


def _pickled(path: Path) -> Any:
    from pickle import UnpicklingError

    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except UnpicklingError as error:
        # torch's message advises to run the file, which is how a pickle does harm
        raise InputError(
            f"{path} is no file of tensors alone: it is damaged, or asks for code, which was not "
            "run; save its state_dict() as .safetensors where you trust it"
        ) from error
    # whatever bytes may be in a damaged file, a reader takes for instructions
    except Exception as error:
        raise InputError(f"{path} cannot be read ({error}); copy or download it again") from error


def _unwrapped(where: str, content: Any) -> Weights:
    """Take off `{"state_dict": ...}` and `module.`, and see that tensors alone are left."""
    notes = []
    while isinstance(content, Mapping):
        wrappers = [w for w in WRAPPERS if isinstance(content.get(w), Mapping)]
        if not wrappers:
            break
        inner, *others = wrappers
        averaged = ", the averaged weights" if inner in AVERAGED else ""
        rest = f", not {' or '.join(map(repr, others))}" if others else ""
        content = content[inner]
        notes.append(f"taken from under {inner!r}{averaged}{rest}")
    if not isinstance(content, Mapping) or not content:
        raise InputError(f"{where} holds no weights: expected tensors by name")
    others = [str(k) for k, v in content.items() if not isinstance(v, Tensor) or type(k) is not str]
    if others:
        raise InputError(
            f"{where} holds more than tensors by name: {', '.join(others[:5])}; give the state "
            "dict in it"
        )
    if COUNTER in content and len(content) > 1:
        content = {key: tensor for key, tensor in content.items() if key != COUNTER}
    while prefix := next((p for p in PREFIXES if all(k.startswith(p) for k in content)), None):
        content = {key.removeprefix(prefix): tensor for key, tensor in content.items()}
        notes.append(f"taken off: {prefix!r} before every key")
    return Weights(where, content, tuple(notes))
