"""path/to/file.py:factory and package.module:factory: somebody's own code, run because named."""

import sys
from importlib import import_module
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType

from torch import nn

from plusx.doctor.given import material_for
from plusx.doctor.target.asked import Asked, Target
from plusx.doctor.target.filled import filled
from plusx.errors import InputError, nearest

__all__ = ["called"]


def called(words: str, asked: Asked) -> Target:
    """Import the file or module, call the factory with `--arg`, and take the network it gives."""
    for option in ("num_classes", "in_channels"):
        if getattr(asked, option) is not None:
            raise InputError(
                f"{option} is given, but only {words} knows what its number is called; give it as "
                f"--arg NAME={getattr(asked, option)}"
            )
    where, _, name = words.rpartition(":")
    module = _of_file(Path(where)) if where.endswith(".py") else _of_name(where)
    model = _made(words, _found(module, name, where), asked)
    if asked.weights:
        filled(model, asked.weights)
    material = material_for(model, asked.data, size=asked.size)
    return Target(model=model, name=name, material=material)


def _of_file(path: Path) -> ModuleType:
    """Run a file as a module, with its folder to import from, as `python FILE` would."""
    path = path.expanduser()
    if not path.is_file():
        raise InputError(f"there is no file {path}; expected path/to/file.py:factory")
    sys.path.insert(0, str(path.parent.resolve()))
    spec = spec_from_file_location(path.stem, path)
    assert spec is not None and spec.loader is not None, "a file that ends in .py has a loader"
    module = module_from_spec(spec)
    sys.modules.setdefault(path.stem, module)  # dataclasses look their module up
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        raise InputError(f"{path} cannot be run: {_said(error)}") from error
    return module


def _of_name(name: str) -> ModuleType:
    """Import a module, from the folder that we are in too, as `python -m` would."""
    sys.path.insert(0, str(Path.cwd()))
    try:
        return import_module(name)
    except Exception as error:
        raise InputError(f"{name} cannot be imported: {_said(error)}") from error


def _found(module: ModuleType, name: str, where: str) -> object:
    found: object = module
    for part in name.split("."):
        names = [each for each in vars(found) if not each.startswith("_")]
        if part not in vars(found):
            raise InputError(
                f"{where} has no {part!r}{nearest(part, names)}; it has {', '.join(names[:12])}"
            )
        found = vars(found)[part]
    return found


def _made(words: str, found: object, asked: Asked) -> nn.Module:
    if isinstance(found, nn.Module) and not asked.arguments:
        return found
    if not callable(found) or isinstance(found, nn.Module):
        raise InputError(
            f"{words} is of type {type(found).__name__}, expected what makes a network"
        )
    try:
        model = found(**asked.arguments)
    except Exception as error:
        raise InputError(
            f"{words} raised {_said(error)}; its arguments are given as --arg NAME=VALUE"
        ) from error
    if not isinstance(model, nn.Module):
        raise InputError(f"{words} gave {type(model).__name__}, expected a torch.nn.Module")
    return model


def _said(error: Exception) -> str:
    return f"{type(error).__name__}: {(str(error).strip() or '-').splitlines()[0]}"
