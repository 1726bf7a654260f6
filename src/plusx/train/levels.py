"""A network from bottom to top: its levels, by stages or by units, without a look at names."""

from dataclasses import dataclass

from torch import nn

from plusx.unit import outer_units
from plusx.zoo import Network

__all__ = ["Level", "by_stages", "by_units"]


@dataclass(frozen=True, eq=False)
class Level:
    """Parameters that are treated alike, and the modules whole that they fill (none: no whole)."""

    name: str
    params: tuple[nn.Parameter, ...]
    modules: tuple[nn.Module, ...]


def by_stages(model: nn.Module) -> list[Level]:
    """Return stem, stages and head as levels; of another module its children, the last the head.

    A stage without a unit, such as a DenseNet's transition, belongs to the stage below it, and so
    does a part without parameters. Parameters that the module itself holds belong to the bottom.
    """
    parts = _parts(model)
    with_units = bool(outer_units(model))
    groups: list[tuple[str, list[nn.Module]]] = []
    for place, (name, part) in enumerate(parts):
        outside = 0 < place < len(parts) - 1 and with_units and not outer_units(part)
        if groups and (not _weighty(part) or (outside and len(groups) > 1)):
            groups[-1][1].append(part)
        elif groups and not any(map(_weighty, groups[-1][1])):
            groups[-1] = (name, [*groups[-1][1], part])  # nothing to learn below: an empty stem
        else:
            groups.append((name, [part]))
    seen: set[nn.Parameter] = set()
    levels = []
    for at, (name, modules) in enumerate(groups):
        own = list(model.parameters(recurse=False)) if at == 0 else []
        found = [*own, *(p for module in modules for p in module.parameters())]
        # a parameter that two parts share belongs to the lower one
        params = tuple(p for p in dict.fromkeys(found) if p not in seen)
        seen.update(params)
        levels.append(Level(name, params, tuple(modules)))
    return levels or [Level("all", tuple(model.parameters()), (model,))]


def by_units(model: nn.Module) -> list[Level]:
    """Return what comes before the first unit, each unit with what follows it, and the head.

    Units inside of units belong to the outer one. Without units: the same as `by_stages`.
    """
    outer = outer_units(model)
    stages = by_stages(model)
    if not outer:
        return stages
    head = stages[-1]
    top = set(head.params)
    number = {p: at for at, unit in enumerate(outer, 1) for p in unit.module.parameters()}
    params: list[list[nn.Parameter]] = [[] for _ in range(len(outer) + 1)]
    begun = 0
    for parameter in model.parameters():  # in the order of definition
        if parameter not in top:
            begun = number.get(parameter, begun)
            params[begun].append(parameter)
    names = ("stem", *(unit.name for unit in outer))
    return [*(Level(n, tuple(p), ()) for n, p in zip(names, params, strict=True)), head]


def _parts(model: nn.Module) -> list[tuple[str, nn.Module]]:
    if not isinstance(model, Network):
        return list(model.named_children())
    stages = [(f"stages.{name}", part) for name, part in model.stages.named_children()]
    return [("stem", model.stem), *(stages or [("stages", model.stages)]), ("head", model.head)]


def _weighty(part: nn.Module) -> bool:
    return any(True for _ in part.parameters())
