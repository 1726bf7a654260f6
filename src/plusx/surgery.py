"""Changes to a model through its units and its modules: the only edits of the house.

Each works in place on a model that nobody has used yet; `create` calls them for its options.
"""

from collections.abc import Callable
from typing import Literal

import torch
from torch import Tensor, nn
from torch.func import functional_call

from plusx.branch import DropPath, Gate, Gated, ShakeDrop
from plusx.merge import Highway
from plusx.tape import record
from plusx.unit import Unit, outer_units

__all__ = [
    "add_drop_path",
    "add_gates",
    "add_shake_drop",
    "exchange_activations",
    "exchange_norms",
    "zero_last_norms",
]

BATCH_NORMS = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d)
ACTIVATIONS = (nn.ReLU, nn.ReLU6, nn.SiLU, nn.GELU, nn.Mish, nn.LeakyReLU, nn.Tanh)


def add_drop_path(
    model: nn.Module, rate: float, *, mode: Literal["sample", "batch"] = "sample"
) -> None:
    """Drop transforms at random in training: unit l of L with probability rate l / L.

    Huang et al. 2016, section 3, linear decay. The unit's transform becomes
    `transform.transform`.
    """
    found = _some_units(model, "stochastic depth")
    for number, unit in enumerate(found, start=1):
        wrapped = DropPath(unit.transform, rate * number / len(found), mode=mode)
        unit.module.transform = wrapped


def add_shake_drop(
    model: nn.Module, rate: float, *, mode: Literal["sample", "batch"] = "sample"
) -> None:
    """Shake transforms at random in training: unit l of L with probability rate l / L.

    Yamada et al. 2018, section 3, linear decay: rate = 1 - p_L, in the paper 0.5. The unit's
    transform becomes `transform.transform`.
    """
    found = _some_units(model, "ShakeDrop")
    _refuse_highways(found, "ShakeDrop")
    if any(isinstance(module, DropPath) for module in model.modules()):
        raise ValueError("shake_drop and drop_path both take transforms out; choose one")
    for number, unit in enumerate(found, start=1):
        wrapped = ShakeDrop(unit.transform, rate * number / len(found), mode=mode)
        unit.module.transform = wrapped


def add_gates(model: nn.Module, gate: Gate, inputs: tuple[Tensor, ...]) -> None:
    """Gate every transform: its output becomes gate(transform(x)), `transform.gate`.

    `inputs` is an example, from which the widths are measured (nothing is computed). Raises
    `ValueError`, naming the unit, where a transform gives no (B, C, H, W).
    """
    found = _some_units(model, "attention")
    _refuse_highways(found, "attention")
    tensors = {
        name: torch.empty_like(tensor, device="meta")
        for name, tensor in (*model.named_parameters(), *model.named_buffers())
    }
    with record(model) as tape, torch.no_grad():
        functional_call(model, tensors, tuple(tensor.to("meta") for tensor in inputs))
    for unit in found:
        shape = tape.units[unit.name].transform.shape
        if len(shape) != 4:
            raise ValueError(
                f"a gate needs feature maps (B, C, H, W); the transform of {unit.name} gives "
                f"{tuple(shape)}"
            )
        unit.module.transform = Gated(unit.transform, gate(shape[1]))


def exchange_activations(model: nn.Module, activation: Callable[[], nn.Module]) -> None:
    """Put a new `activation()` in the place of every ReLU, SiLU, GELU and the like."""
    _exchange(model, ACTIVATIONS, lambda old: activation(), "an activation")


def exchange_norms(model: nn.Module, norm: Callable[[int], nn.Module]) -> None:
    """Put `norm(width)` in the place of every batch norm."""
    _exchange(model, BATCH_NORMS, lambda old: norm(int(old.num_features)), "a batch norm")  # type: ignore[arg-type]


def zero_last_norms(model: nn.Module) -> None:
    """Start every unit as its shortcut: y = merge(shortcut(x), 0).

    Sets the scale of the norm that ends each transform, before its gate if it has one, to zero.
    Goyal et al. 2017, "Accurate, large minibatch SGD", section 5.1. Raises `ValueError`, naming the
    unit, where a transform does not end in a norm with a scale.
    """
    ends = [_ending_norm(unit) for unit in _some_units(model, "zero-last")]
    for norm in ends:
        for parameter in norm.parameters(recurse=False):
            nn.init.zeros_(parameter)


def _exchange(
    model: nn.Module,
    kinds: tuple[type[nn.Module], ...],
    make: Callable[[nn.Module], nn.Module],
    what: str,
) -> None:
    places = [
        (parent, name, child)
        for parent in model.modules()
        for name, child in parent.named_children()
        if isinstance(child, kinds)
    ]
    if not places:
        raise ValueError(f"this network has no {what.removeprefix('an ').removeprefix('a ')}")
    for parent, name, child in places:
        setattr(parent, name, make(child))


def _some_units(model: nn.Module, purpose: str) -> list[Unit]:
    found = outer_units(model)
    if not found:
        raise ValueError(f"{purpose} needs residual units, and this network has none")
    return found


def _refuse_highways(found: list[Unit], purpose: str) -> None:
    """Raise where a transform also makes the gate of its merge: scaled, it would be none."""
    for unit in found:
        if isinstance(unit.merge, Highway):
            raise ValueError(
                f"{purpose} would change the gate of the highway {unit.name} too, which has to "
                "stay between 0 and 1"
            )


def _ending_norm(unit: Unit) -> nn.Module:
    inside = unit.transform
    while isinstance(inside, Gated | DropPath | ShakeDrop):
        inside = inside.body if isinstance(inside, Gated) else inside.transform
    last = list(inside.modules())[-1]
    if not isinstance(last, (*BATCH_NORMS, nn.GroupNorm)) or not last.affine:
        raise ValueError(
            f"zero-last needs a transform that ends in a norm with a scale; {unit.name} ends in "
            f"{type(last).__name__}"
        )
    return last
