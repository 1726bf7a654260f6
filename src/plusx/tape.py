"""record(model): what passes through the units. The only hooks of the house."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from plusx.unit import declared_units

__all__ = ["Tape", "UnitRecord", "record", "watch"]


@dataclass(frozen=True, eq=False)
class UnitRecord:
    """The tensors of one unit in one forward pass; after a backward pass each has its `.grad`."""

    x: Tensor
    shortcut: Tensor
    transform: Tensor
    y: Tensor


@dataclass(frozen=True, eq=False)
class Tape:
    """What was recorded: `tape.units[name]`, and `tape.outputs[name]` of the other modules."""

    units: dict[str, UnitRecord] = field(default_factory=dict)
    outputs: dict[str, Tensor] = field(default_factory=dict)


@contextmanager
def watch(
    modules: Mapping[str, nn.Module], see: Callable[[str, Tensor, Tensor], object]
) -> Iterator[None]:
    """Call `see(name, x, y)` each time one of `modules` has turned x into y.

    x is the module's first argument. The hooks are gone when the block ends, also when it raises.
    """

    def hook(name: str) -> Callable[[nn.Module, tuple[Tensor, ...], Tensor], None]:
        def call(module: nn.Module, inputs: tuple[Tensor, ...], y: Tensor) -> None:
            see(name, inputs[0], y)

        return call

    handles = [module.register_forward_hook(hook(name)) for name, module in modules.items()]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


@contextmanager
def record(model: nn.Module, *, modules: Mapping[str, nn.Module] | None = None) -> Iterator[Tape]:
    """Record x, shortcut(x), transform(x) and y of every unit, and the output of `modules`.

    The tape holds the last forward pass; gradients are kept for `backward`. Nothing of the model
    changes: no mode, no weight, no random state.

    >>> from plusx import create
    >>> model = create("resnet8", num_classes=10)
    >>> with record(model) as tape:
    ...     model(torch.zeros(1, 3, 32, 32)).sum().backward()
    >>> unit = tape.units["stages.1.0.unit"]
    >>> tuple(unit.x.shape), tuple(unit.transform.grad.shape)
    ((1, 16, 32, 32), (1, 32, 16, 16))
    """
    tape = Tape()
    parts: dict[str, nn.Module] = {}
    for unit in declared_units(model):
        parts |= {
            f"{unit.name}.shortcut": unit.shortcut,
            f"{unit.name}.transform": unit.transform,
            unit.name: unit.module,
        }
    seen: dict[str, Tensor] = {}

    def see_part(name: str, x: Tensor, y: Tensor) -> None:
        seen[name] = _keep_grad(y)
        if f"{name}.transform" in parts:
            s, t = seen.pop(f"{name}.shortcut"), seen.pop(f"{name}.transform")
            tape.units[name] = UnitRecord(x, s, t, seen.pop(name))

    def see_output(name: str, x: Tensor, y: Tensor) -> None:
        tape.outputs[name] = _keep_grad(y)

    with watch(parts, see_part), watch(modules or {}, see_output):
        yield tape


def _keep_grad(tensor: Tensor) -> Tensor:
    if torch.is_grad_enabled() and tensor.requires_grad and not tensor.is_leaf:
        tensor.retain_grad()
    return tensor
