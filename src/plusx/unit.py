"""units(model): the only door from a model to its residual units."""

from dataclasses import dataclass

from torch import nn

from plusx.residual import Residual

__all__ = ["Unit", "outer_units", "units"]


@dataclass(frozen=True, eq=False)
class Unit:
    """One residual unit of a model: its address and the parts of its equation."""

    name: str
    module: nn.Module
    shortcut: nn.Module
    transform: nn.Module
    merge: nn.Module


def units(model: nn.Module) -> list[Unit]:
    """Find every residual unit of `model`, in order of definition, with its address.

    A unit is a `Residual`; a network without one (a plain net, or one that adds its shortcuts by
    hand) has none.

    >>> from plusx import create
    >>> [unit.name for unit in units(create("resnet8", num_classes=10))]
    ['stages.0.0.unit', 'stages.1.0.unit', 'stages.2.0.unit']
    """
    return [
        Unit(name, module, module.shortcut, module.transform, module.merge)
        for name, module in model.named_modules()
        if isinstance(module, Residual)
    ]


def outer_units(model: nn.Module) -> list[Unit]:
    """Find the units that stand in no other unit: what is done once a unit is done to these.

    A gate such as a non-local block is a unit inside the transform of another.

    >>> from plusx import create
    >>> model = create("resnet8", num_classes=10, attention="nonlocal")
    >>> len(units(model)), len(outer_units(model))
    (6, 3)
    """
    found: list[Unit] = []
    for unit in units(model):
        if not found or not _inside(unit.name, found[-1].name):
            found.append(unit)
    return found


def _inside(name: str, outer: str) -> bool:
    return outer == "" or name.startswith(f"{outer}.")
