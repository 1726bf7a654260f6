"""units(model): the only door from a model to its residual units."""

from dataclasses import dataclass

from torch import nn

from plusx.residual import Residual

__all__ = ["Unit", "units"]


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
