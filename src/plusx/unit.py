"""units(model): the only door from a model to its residual units."""

from dataclasses import dataclass

from torch import nn

from plusx.graph import Inputs, joins, merge_of, names, part, trace
from plusx.residual import Residual
from plusx.zoo.network import Network

__all__ = ["Unit", "declared_units", "outer_units", "units"]


@dataclass(frozen=True, eq=False)
class Unit:
    """One residual unit of a model: its address and the parts of its equation."""

    name: str
    module: nn.Module
    shortcut: nn.Module
    transform: nn.Module
    merge: nn.Module


def units(model: nn.Module, inputs: Inputs = None) -> list[Unit]:
    """Find every residual unit of `model`, ours or not, with its address.

    A network of ours, or one with a `Residual`, has these, in order of definition. In any other
    they are what its graph shows (`graph.joins`), in order of execution, named after the smallest
    module that holds both ways, and numbered where it holds several: `layer1.0`, `h.0:1`, `h.0:2`.
    A plain net has none.

    `inputs`, an example of what forward takes, lets torch.export trace what torch.fx cannot. Raises
    `InputError`, saying why, where neither can. The parts of a traced unit compute over the model's
    own parameters and give what the model gives, to the bit, in the mode it had: after `train()` or
    `eval()` ask again.

    >>> from plusx import create
    >>> [unit.name for unit in units(create("resnet8", num_classes=10))]
    ['stages.0.0.unit', 'stages.1.0.unit', 'stages.2.0.unit']
    >>> class Block(nn.Module):
    ...     def __init__(self):
    ...         super().__init__()
    ...         self.linear = nn.Linear(4, 4)
    ...
    ...     def forward(self, x):
    ...         return self.linear(x).relu() + x
    >>> [unit.name for unit in units(nn.Sequential(Block(), Block()))]
    ['0', '1']
    """
    declared = declared_units(model)
    return declared if declared or isinstance(model, Network) else _traced_units(model, inputs)


def declared_units(model: nn.Module) -> list[Unit]:
    """Find the units that are a `Residual`, in order of definition, without tracing."""
    return [
        Unit(name, module, module.shortcut, module.transform, module.merge)
        for name, module in model.named_modules()
        if isinstance(module, Residual)
    ]


def _traced_units(model: nn.Module, inputs: Inputs) -> list[Unit]:
    module = trace(model, inputs).module
    found = joins(module)
    return [
        Unit(
            name,
            model.get_submodule(name.partition(":")[0]),
            part(module, join, (join.shortcut,)),
            part(module, join, join.transform),
            merge_of(module, join),
        )
        for name, join in zip(names(found), found)
    ]


def outer_units(model: nn.Module) -> list[Unit]:
    """Find the declared units that stand in no other: what is done once a unit is done to these.

    A gate such as a non-local block is a unit inside the transform of another.

    >>> from plusx import create
    >>> model = create("resnet8", num_classes=10, attention="nonlocal")
    >>> len(units(model)), len(outer_units(model))
    (6, 3)
    """
    found: list[Unit] = []
    for unit in declared_units(model):
        if not found or not _inside(unit.name, found[-1].name):
            found.append(unit)
    return found


def _inside(name: str, outer: str) -> bool:
    return outer == "" or name.startswith(f"{outer}.")
