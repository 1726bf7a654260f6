"""channel_means(model, images, at): how strongly single channels of layers answer."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from plusx.errors import InputError, nearest
from plusx.explain.answer import run_on
from plusx.explain.places import as_map
from plusx.tape import watch

__all__ = ["At", "channel_means", "known_layers", "layers_of"]

At = tuple[str, int]
"""A layer, by the address of its module, and one of its channels."""


def known_layers(model: nn.Module, names: Sequence[str]) -> dict[str, nn.Module]:
    """Return the modules at these addresses; `InputError` where there is none."""
    modules = dict(model.named_modules())
    for name in names:
        if not name or name not in modules:
            hint = nearest(name, modules)
            raise InputError(f"the network has no layer {name!r}, expected a module's{hint}")
    return {name: modules[name] for name in names}


def layers_of(model: nn.Module, units: Sequence[str]) -> list[str]:
    """Return the modules of units: several joins of one are numbered, and together they are it."""
    return [*known_layers(model, [unit.partition(":")[0] for unit in units])]


def channel_means(model: nn.Module, images: Tensor, at: Sequence[At]) -> Tensor:
    """Return the mean over the places of each of `at` for each image, (B, len(at)), float32.

    The model is run as it is: in the mode and with the gradients that the caller chose.
    """
    size = images.shape[-2], images.shape[-1]
    seen: dict[str, Tensor] = {}

    def see(name: str, x: Tensor, y: Tensor) -> None:
        if not isinstance(y, Tensor):
            raise InputError(
                f"{name!r} gives a {type(y).__name__}, expected a layer that gives one tensor"
            )
        value = as_map(y, size)
        if value is None:
            raise InputError(
                f"{name!r} gives {tuple(y.shape)}, expected a map over images of {size[0]}x"
                f"{size[1]}; choose an earlier layer"
            )
        seen[name] = value.float().mean((2, 3))  # at once: what follows may write over y

    with watch(known_layers(model, list(dict.fromkeys(name for name, _ in at))), see):
        run_on(model, images)
    for name, channel in at:
        if name not in seen:
            raise InputError(f"the layer {name!r} is not run; choose another")
        width = seen[name].shape[1]
        if not 0 <= channel < width:
            raise InputError(f"{name!r} has no channel {channel}, expected 0 to {width - 1}")
    return torch.stack([seen[name][:, channel] for name, channel in at], 1)
