"""Changes to a model through its units: the only edits of the house."""

from torch import nn

from plusx.unit import Unit, units

__all__ = ["zero_last_norms"]


def zero_last_norms(model: nn.Module) -> None:
    """Start every unit as its shortcut: y = merge(shortcut(x), 0).

    Sets the scale of the norm that ends each transform to zero, in place. Goyal et al. 2017,
    "Accurate, large minibatch SGD", section 5.1. Raises `ValueError`, naming the unit, where a
    transform does not end in a norm with a scale, or where there is no unit.
    """
    found = units(model)
    if not found:
        raise ValueError("zero-last needs residual units, and this network has none")
    ends = [_ending_norm(unit) for unit in found]
    for norm in ends:
        nn.init.zeros_(norm.weight)
        nn.init.zeros_(norm.bias)


def _ending_norm(unit: Unit) -> nn.BatchNorm2d:
    last = list(unit.transform.modules())[-1]
    if not isinstance(last, nn.BatchNorm2d) or not last.affine:
        raise ValueError(
            f"zero-last needs a transform that ends in a norm with a scale; {unit.name} ends in "
            f"{type(last).__name__}"
        )
    return last
