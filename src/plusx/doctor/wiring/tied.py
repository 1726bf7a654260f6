"""Which parameters have two addresses, and which of those look meant?"""

from collections import defaultdict
from collections.abc import Mapping

from torch import nn

__all__ = ["everywhere", "tied"]

CONTAINERS = (nn.Sequential, nn.ModuleList, nn.ModuleDict)


def tied(model: nn.Module, calls: Mapping[str, int]) -> list[tuple[str, str]]:
    """Return pairs of addresses of one parameter that are not tied by design."""
    places: dict[nn.Parameter, list[tuple[str, nn.Module]]] = defaultdict(list)
    for address, module in model.named_modules(remove_duplicate=False):
        for name, parameter in module.named_parameters(recurse=False, remove_duplicate=False):
            places[parameter].append((f"{address}.{name}".lstrip("."), module))
    first = {module: name for name, module in model.named_modules()}
    return [
        (rows[0][0], rows[1][0])
        for rows in places.values()
        if len(rows) > 1
        and not _by_design([module for _, module in rows])
        and not _handed_down([address for address, _ in rows])
        and not (_one(rows) and calls and calls[first[rows[0][1]]] == 1)  # another name for it
    ]


def _one(rows: list[tuple[str, nn.Module]]) -> bool:
    return len({module for _, module in rows}) == 1


def _handed_down(addresses: list[str]) -> bool:
    """Say whether a layer stands in one place above the others: it was made there for them all."""
    depths = sorted(address.count(".") for address in addresses)
    return depths[0] < depths[1]


def _by_design(modules: list[nn.Module]) -> bool:
    """Embeddings are tied to a head, and an activation with a slope is often one for all."""
    return any(isinstance(m, nn.Embedding | nn.PReLU) for m in modules)


def everywhere(model: nn.Module, first: str, second: str) -> bool:
    """Say whether all modules of a class tie the two: then the class was written so."""
    one, other = first.split("."), second.split(".")
    shared = next((i for i, (a, b) in enumerate(zip(one, other)) if a != b), 0)
    parent = model.get_submodule(".".join(one[:shared]))
    alike = [module for module in model.modules() if type(module) is type(parent)]
    if isinstance(parent, CONTAINERS) or len(alike) < 2:
        return False
    ends = ".".join(one[shared:]), ".".join(other[shared:])
    try:
        return all(m.get_parameter(ends[0]) is m.get_parameter(ends[1]) for m in alike)
    except AttributeError:  # one of them has no such part
        return False
