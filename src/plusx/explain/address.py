"""Addresses of units as people write and read them."""

from collections.abc import Sequence

from torch import Tensor, nn

from plusx.errors import InputError, nearest
from plusx.explain.looking import passed, still

__all__ = ["addressed", "spoken"]


def addressed(model: nn.Module, images: Tensor, names: Sequence[str]) -> tuple[str, ...]:
    """Return each address as that of a unit, or else of a layer; a block of one unit is that unit.

    Of a network of ours `plusx info` prints blocks, a unit and the ReLU behind it.

    >>> import torch
    >>> from plusx import create
    >>> model = create("resnet8", num_classes=10)
    >>> addressed(model, torch.randn(1, 3, 16, 16), ["stages.2.0", "stages.1.0.unit", "stem"])
    ('stages.2.0.unit', 'stages.1.0.unit', 'stem')
    """
    if not names:
        return ()
    with still(model):
        units = [*passed(model, images[:1], None).tape.units]
    modules = [name for name, _ in model.named_modules() if name]
    return tuple(_one(name, units, modules) for name in names)


def spoken(name: str) -> str:
    """Return the address of a unit for a sentence: a network that is one unit has none."""
    return name or "the whole network"


def _one(name: str, units: list[str], modules: list[str]) -> str:
    if name in units:
        return name
    inside = [unit for unit in units if unit.startswith(f"{name}.")]
    outer = [unit for unit in inside if not any(unit.startswith(f"{o}.") for o in inside)]
    if len(outer) == 1:
        return outer[0]
    if name not in modules:
        few = ", ".join(repr(unit) for unit in units[-3:])
        hint = nearest(name, [*units, *modules]) or (f"; its last units are {few}" if few else "")
        raise InputError(f"the network has no unit {name!r} and no such layer{hint}")
    return name
