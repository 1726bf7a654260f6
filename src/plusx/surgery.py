"""Changes to a model through its units and its modules, while it is made.

Each works in place on a model that nobody has used yet; `create` calls them for its options.
`edit.py` has those that copy a model, ours or not, and change single units.
"""

from collections.abc import Callable
from typing import Literal

import torch
from torch import Tensor, nn
from torch.func import functional_call

from plusx.branch import DropPath, Gate, Gated, GatedCandidate, NonLocal, Shake, ShakeDrop
from plusx.merge import Highway
from plusx.parts import LINE, PLANE, STEPS, VOLUME, NoNorm, Space, sequence
from plusx.tape import record
from plusx.unit import Unit, outer_units
from plusx.zoo.fixup import Scale

__all__ = [
    "add_drop_path",
    "add_gates",
    "add_shake_drop",
    "exchange_activations",
    "exchange_norms",
    "zero_last_norms",
]

SPACES: dict[type[nn.Module], Space] = {
    nn.BatchNorm1d: LINE,
    nn.BatchNorm2d: PLANE,
    nn.BatchNorm3d: VOLUME,
    nn.LayerNorm: STEPS,
}
"""The norms of the zoo's networks, and where each expects the channels."""
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
    for unit in found:
        if isinstance(unit.merge, Highway):
            raise ValueError(
                f"ShakeDrop would scale the gate of the highway {unit.name} too, which has to stay "
                "between 0 and 1"
            )
    if any(isinstance(module, DropPath) and module.rate for module in model.modules()):
        raise ValueError(
            "shake_drop and drop_path both take transforms out; choose one (drop_path=0)"
        )
    for number, unit in enumerate(found, start=1):
        wrapped = ShakeDrop(unit.transform, rate * number / len(found), mode=mode)
        unit.module.transform = wrapped


def add_gates(
    model: nn.Module, gate: Gate, inputs: tuple[Tensor, ...], *, space: Space = PLANE
) -> None:
    """Gate every transform: its output becomes gate(transform(x)), `transform.gate`.

    A highway's transform has its candidate gated. `inputs` is an example, from which the widths are
    measured (nothing is computed); `space` is that of what transforms give. Raises `ValueError`
    where the gate has nothing to look at there.
    """
    found = _some_units(model, "attention")
    tensors = {
        name: torch.empty_like(tensor, device="meta")
        for name, tensor in (*model.named_parameters(), *model.named_buffers())
    }
    with record(model) as tape, torch.no_grad():
        functional_call(model, tensors, tuple(tensor.to("meta") for tensor in inputs))
    for unit in found:
        width = space.width(tape.units[unit.name].transform)
        if isinstance(unit.merge, Highway):
            made = space.over(gate(width // 2, space=space))
            unit.module.transform = GatedCandidate(unit.transform, made, dim=unit.merge.dim)
        else:
            unit.module.transform = Gated(unit.transform, space.over(gate(width, space=space)))


def exchange_activations(model: nn.Module, activation: Callable[[], nn.Module]) -> None:
    """Put a new `activation()` in the place of every ReLU, SiLU, GELU, tanh and the like.

    Gates stay sigmoids: they say how much, not what.
    """
    for parent, name, _ in _places(model, ACTIVATIONS):
        setattr(parent, name, activation())


def exchange_norms(
    model: nn.Module,
    norm: Callable[[int, Space], nn.Module],
    *,
    kept: tuple[type[nn.Module], ...] = (),
) -> None:
    """Put `norm(width, space)` in the place of every norm, and where one could be: `parts.NoNorm`.

    It starts with the scale and the shift of the old one. Those of the types `kept` stay.
    """
    ends = {m.get_submodule("z.norm") for m in model.modules() if isinstance(m, NonLocal)}
    for parent, name, old in _places(model, (*SPACES, NoNorm)):
        if not isinstance(old, kept):
            made = norm(*_site(old))
            _start_alike(made, old)
            setattr(parent, name, _with_scale(made) if old in ends else made)


def _places(
    model: nn.Module, kinds: tuple[type[nn.Module], ...]
) -> list[tuple[nn.Module, str, nn.Module]]:
    return [
        (parent, name, child)
        for parent in model.modules()
        for name, child in parent.named_children()
        if isinstance(child, kinds)
    ]


def _site(norm: nn.Module) -> tuple[int, Space]:
    """Return the number of channels that a norm sees, and the space they lie in."""
    if isinstance(norm, NoNorm):
        return norm.width, norm.space
    if isinstance(norm, nn.LayerNorm):
        return norm.normalized_shape[-1], STEPS
    assert isinstance(norm, nn.BatchNorm1d | nn.BatchNorm2d | nn.BatchNorm3d)
    return norm.num_features, SPACES[type(norm)]


def _start_alike(made: nn.Module, old: nn.Module) -> None:
    start = dict(old.named_parameters())
    with torch.no_grad():
        for name, parameter in made.named_parameters():
            if (word := name.rsplit(".")[-1]) in start:
                parameter.copy_(start[word])


def _with_scale(made: nn.Module) -> nn.Module:
    """Give what stands for the last norm of a non-local block a scale, if it has none.

    It is zero at the start, so that the block starts as the identity (`branch.NonLocal`).
    """
    if any(name.rsplit(".")[-1] == "weight" for name, _ in made.named_parameters()):
        return made
    scale = Scale()
    nn.init.zeros_(scale.scale)
    return sequence(norm=made, scale=scale)


def zero_last_norms(model: nn.Module) -> None:
    """Start every unit as its shortcut: y = merge(shortcut(x), 0).

    Sets the scale of the norm that ends each transform, before its gate if it has one, to zero.
    Goyal et al. 2017, "Accurate, large minibatch SGD", section 5.1. Raises `ValueError`, naming the
    unit, where a transform does not end in a norm with a scale.
    """
    ends = [norm for unit in _some_units(model, "zero-last") for norm in _ending_norms(unit)]
    for norm in ends:
        for parameter in norm.parameters(recurse=False):
            nn.init.zeros_(parameter)


def _some_units(model: nn.Module, purpose: str) -> list[Unit]:
    found = outer_units(model)
    if not found:
        raise ValueError(f"{purpose} needs residual units, and this network has none")
    return found


def _ending_norms(unit: Unit) -> list[nn.Module]:
    """Return the norm that ends the unit's transform, or each of the two that are mixed."""
    inside = unit.transform
    while isinstance(inside, Gated | DropPath | ShakeDrop):
        inside = inside.body if isinstance(inside, Gated) else inside.transform
    ends = []
    for body in (inside.f, inside.g) if isinstance(inside, Shake) else (inside,):
        last = list(body.modules())[-1]
        if not isinstance(last, (*SPACES, nn.GroupNorm)) or last.weight is None:
            raise ValueError(
                f"zero-last needs a transform that ends in a norm with a scale; {unit.name} ends "
                f"in {type(last).__name__}"
            )
        ends.append(last)
    return ends
