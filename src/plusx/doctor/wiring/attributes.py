"""What modules keep beside their parameters, buffers and modules: plain attributes."""

import functools
from collections.abc import Iterator, Mapping

from torch import Tensor, nn

from plusx.doctor.finding import NotApplicable

__all__ = ["forget", "hidden_layers", "hidden_tensors", "need_registered"]

REGISTERED = ("_parameters", "_buffers", "_modules")
DEPTH = 3
"""Lists of lists of lists are looked into; deeper nobody has hidden a layer yet."""


def hidden_layers(model: nn.Module) -> dict[str, nn.Module]:
    """Return the modules with weights in plain attributes that are not the model's own."""
    own = set(model.modules())
    return {
        name: value
        for name, value in _attributes(model)
        if isinstance(value, nn.Module)
        and value not in own
        and next(value.parameters(), None) is not None
    }


def need_registered(model: nn.Module) -> None:
    """Raise `NotApplicable` where hidden layers would explain all that is seen."""
    hidden = hidden_layers(model)
    if hidden:
        raise NotApplicable(f"{next(iter(hidden))} is not registered: eval(), to() do not reach it")


def hidden_tensors(model: nn.Module) -> dict[str, Tensor]:
    """Return the tensors in plain attributes that are no parameter or buffer, by address."""
    own = {id(tensor) for tensor in (*model.parameters(), *model.buffers())}
    return {
        name: value
        for name, value in _attributes(model)
        if isinstance(value, Tensor) and id(value) not in own
    }


def forget(model: nn.Module) -> None:
    """Take the hidden tensors away; what was a cache, forward makes anew."""
    own = {id(tensor) for tensor in (*model.parameters(), *model.buffers())}
    for module in model.modules():
        for key, value in list(vars(module).items()):
            if isinstance(value, Tensor) and id(value) not in own:
                setattr(module, key, None)
            elif isinstance(value, dict) and key not in REGISTERED:
                kept = {k: each for k, each in value.items() if not isinstance(each, Tensor)}
                vars(module)[key] = kept if len(kept) < len(value) else value


def _attributes(model: nn.Module) -> Iterator[tuple[str, object]]:
    for name, module in model.named_modules():
        for key, value in vars(module).items():
            if key not in REGISTERED:
                yield from _inside(f"{name}.{key}".lstrip("."), value, DEPTH)


def _inside(name: str, value: object, depth: int) -> Iterator[tuple[str, object]]:
    if isinstance(value, nn.Module | Tensor):
        yield name, value
    elif depth == 0:
        return
    elif isinstance(value, Mapping):
        for key, each in value.items():
            yield from _inside(f"{name}[{key!r}]", each, depth - 1)
    elif isinstance(value, list | tuple | set):
        for index, each in enumerate(value):
            yield from _inside(f"{name}[{index}]", each, depth - 1)
    elif isinstance(value, functools.partial):
        yield from _inside(f"{name}.args", value.args, depth - 1)
        yield from _inside(f"{name}.keywords", value.keywords, depth - 1)
