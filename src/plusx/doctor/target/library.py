"""torchvision:NAME and timm:NAME: networks of libraries that are not required."""

from collections.abc import Callable, Iterable
from importlib import import_module
from typing import Any

from torch import nn

from plusx.data import open_data
from plusx.doctor.given import material_for
from plusx.doctor.target.asked import Asked, Target
from plusx.doctor.target.filled import filled
from plusx.errors import InputError, nearest

__all__ = ["LIBRARIES", "of_library"]


def of_library(words: str, asked: Asked) -> Target:
    """Build the network, for the classes and channels of the data where there are some."""
    library, _, name = words.partition(":")
    module = _imported(library)
    fixed = _fixed_size(module, name) if library == "timm" else None
    data = open_data(asked.data, size=asked.size or fixed) if asked.data else None
    classes = len(data.input.classes) if data else asked.num_classes
    channels = data.input.channels if data else asked.in_channels
    model = LIBRARIES[library](module, name, classes, channels, dict(asked.arguments))
    if asked.weights:
        filled(model, asked.weights)
    size = asked.size or fixed
    return Target(model=model, name=words, material=material_for(model, data, size=size))


def _torchvision(
    module: Any, name: str, classes: int | None, channels: int | None, more: dict[str, object]
) -> nn.Module:
    _known(name, module.models.list_models(), "torchvision")
    if channels not in (None, 3):
        raise InputError(f"torchvision's networks take 3 channels, the images have {channels}")
    if classes is not None:
        more.setdefault("num_classes", classes)
    return _built(f"torchvision:{name}", lambda: module.models.get_model(name, **more))


def _timm(
    module: Any, name: str, classes: int | None, channels: int | None, more: dict[str, object]
) -> nn.Module:
    _known(name.partition(".")[0], module.list_models(), "timm")
    for word, number in (("num_classes", classes), ("in_chans", channels)):
        if number is not None:
            more.setdefault(word, number)
    return _built(f"timm:{name}", lambda: module.create_model(name, **more))


Build = Callable[[Any, str, "int | None", "int | None", dict[str, object]], nn.Module]
LIBRARIES: dict[str, Build] = {"torchvision": _torchvision, "timm": _timm}
"""What builds a network of each library, without weights."""


def _fixed_size(timm: Any, name: str) -> int | None:
    """Return the side of the images that a network of timm takes alone, if it is such a one."""
    known = timm.models.get_pretrained_cfg(name)
    return int(known.input_size[-1]) if known is not None and known.fixed_input_size else None


def _imported(library: str) -> Any:
    try:
        module = import_module(library)
        return module if library == "timm" else _with_models(module)
    except ModuleNotFoundError as error:
        raise InputError(f"{library} is not installed; pip install {library}") from error
    except Exception as error:  # a build for another torch raises whatever it likes
        words = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise InputError(
            f"{library} is installed and cannot be imported ({words}); install the one that was "
            "built for this torch"
        ) from error


def _with_models(module: Any) -> Any:
    import_module("torchvision.models")
    return module


def _known(name: str, names: Iterable[str], library: str) -> None:
    listed = list(names)
    if name not in listed:
        raise InputError(f"{library} has no network {name!r}{nearest(name, listed)}")


def _built(words: str, build: Callable[[], nn.Module]) -> nn.Module:
    try:
        return build()
    except (TypeError, ValueError, RuntimeError) as error:
        said = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise InputError(f"{words} cannot be built so: {said}; look at its --arg") from error
