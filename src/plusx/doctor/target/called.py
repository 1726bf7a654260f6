"""path/to/file.py:factory and package.module:factory: somebody's own code, run because named."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import FunctionType, ModuleType

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
    with _somebodys(str(path), f"{path} cannot be run: "):
        spec.loader.exec_module(module)
    return module


def _of_name(name: str) -> ModuleType:
    """Import a module, from the folder that we are in too, as `python -m` would."""
    sys.path.insert(0, str(Path.cwd()))
    with _somebodys(name, f"{name} cannot be imported: "):
        return import_module(name)


@contextmanager
def _somebodys(name: str, failed: str, hint: str = "") -> Iterator[None]:
    """Run somebody's code, as a program without arguments; whatever ends it is an `InputError`."""
    words, sys.argv = sys.argv, [name]
    try:
        yield
    except SystemExit as stop:
        raise InputError(
            f"the code of {name} ends the program (exit status {stop.code}); what reads arguments "
            'or exits belongs under if __name__ == "__main__"'
        ) from stop
    except Exception as error:
        raise InputError(f"{failed}{type(error).__name__}: {_first_line(error)}{hint}") from error
    finally:
        sys.argv = words


def _found(module: ModuleType, name: str, where: str) -> object:
    found: object = module
    for part in name.split("."):
        if part not in vars(found):
            names = list(_own(found, module))
            has = f"it defines {', '.join(names[:12])}" if names else "it defines no such thing"
            raise InputError(f"{where} has no {part!r}; {has}{nearest(part, names)}")
        found = vars(found)[part]
    return found


def _own(found: object, module: ModuleType) -> Iterator[str]:
    """Yield the functions and classes that a module or class defines itself, and its networks."""
    for name, value in vars(found).items():
        if isinstance(value, type | FunctionType):
            listed = f"{value.__module__}.".startswith(f"{module.__name__}.")
        else:
            listed = isinstance(value, nn.Module)
        if listed and not name.startswith("_"):
            yield name


def _made(words: str, found: object, asked: Asked) -> nn.Module:
    if isinstance(found, nn.Module) and not asked.arguments:
        return found
    if not callable(found) or isinstance(found, nn.Module):
        raise InputError(
            f"{words} is of type {type(found).__name__}, expected what makes a network"
        )
    with _somebodys(words, f"{words} raised ", "; its arguments are given as --arg NAME=VALUE"):
        model = found(**asked.arguments)
    if not isinstance(model, nn.Module):
        raise InputError(f"{words} gave {type(model).__name__}, expected a torch.nn.Module")
    return model


def _first_line(error: Exception) -> str:
    return (str(error).strip() or "-").splitlines()[0]
