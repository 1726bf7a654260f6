"""record(model): what passes through the units. The only hooks of the house."""

import inspect
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

from plusx.errors import InputError
from plusx.graph import joins, names, output_of, run, trace
from plusx.unit import Unit, declared_units
from plusx.zoo.network import Network

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
    """What was recorded: `tape.units[name]`, and `tape.outputs[name]` of the other modules.

    `times` says how often each unit was run while it was recorded; the record is of the last time.
    """

    units: dict[str, UnitRecord] = field(default_factory=dict)
    outputs: dict[str, Tensor] = field(default_factory=dict)
    times: Counter[str] = field(default_factory=Counter)


@contextmanager
def watch(
    modules: Mapping[str, nn.Module], see: Callable[[str, Tensor, Tensor], object]
) -> Iterator[None]:
    """Call `see(name, x, y)` each time one of `modules` has turned x into y.

    x is the module's first argument, a tensor of no numbers where it has none (parametrizations,
    tables). The hooks are gone when the block ends, also when it raises.
    """

    def hook(name: str) -> Callable[..., None]:
        def call(
            module: nn.Module, inputs: tuple[Tensor, ...], named: dict[str, Tensor], y: Tensor
        ) -> None:
            given = (*inputs, *named.values())
            see(name, given[0] if given else torch.empty(0), y)

        return call

    handles = [
        module.register_forward_hook(hook(name), with_kwargs=True)
        for name, module in modules.items()
    ]
    with _until_the_end(handles):
        yield


@contextmanager
def record(model: nn.Module, *, modules: Mapping[str, nn.Module] | None = None) -> Iterator[Tape]:
    """Record x, shortcut(x), transform(x) and y of every unit, and the output of `modules`.

    The tape holds the last forward pass; gradients are kept for `backward`. Nothing of the model
    changes: no mode, no weight, no random state.

    The units of a network that is not ours are recorded as they are, before any operation in place
    writes over them; of a gated sum, transform is what is added to the gated shortcut.
    Inside the block such a network gives tensors, tuples and dictionaries for its own classes, and
    raises `InputError` where it cannot be traced.

    >>> from plusx import create
    >>> model = create("resnet8", num_classes=10)
    >>> with record(model) as tape:
    ...     model(torch.zeros(1, 3, 32, 32)).sum().backward()
    >>> unit = tape.units["stages.1.0.unit"]
    >>> tuple(unit.x.shape), tuple(unit.transform.grad.shape)
    ((1, 16, 32, 32), (1, 32, 16, 16))
    """
    tape = Tape()
    wanted = modules or {}
    declared = declared_units(model)
    if declared or isinstance(model, Network):
        others = [] if isinstance(model, Network) else [unit.module for unit in declared]
        with _hooked(declared, wanted, tape), _copied(others):
            yield tape
    else:
        with _through_graph(model, wanted, tape):
            yield tape


@contextmanager
def _hooked(
    declared: Sequence[Unit], modules: Mapping[str, nn.Module], tape: Tape
) -> Iterator[None]:
    parts: dict[str, nn.Module] = {}
    for unit in declared:
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
            tape.times[name] += 1

    def see_output(name: str, x: Tensor, y: Tensor) -> None:
        if not isinstance(y, Tensor):
            raise InputError(f"{name!r} gives a {type(y).__name__}, expected one tensor")
        tape.outputs[name] = _keep_grad(y)

    with watch(parts, see_part), watch(modules, see_output):
        yield


@contextmanager
def _copied(modules: Sequence[nn.Module]) -> Iterator[None]:
    """Pass a copy of what the modules give on: an operation in place behind them writes over it."""

    def copy(module: nn.Module, inputs: object, y: Tensor) -> Tensor:
        return y.clone()

    with _until_the_end([module.register_forward_hook(copy) for module in modules]):
        yield


@contextmanager
def _until_the_end(hooks: Sequence[RemovableHandle]) -> Iterator[None]:
    """Take the hooks away when the block ends, also when it raises."""
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()


@contextmanager
def _through_graph(
    model: nn.Module, modules: Mapping[str, nn.Module], tape: Tape
) -> Iterator[None]:
    """Let forward passes of a network that is not ours run its graph, which has every value.

    It is traced at each pass, in the mode and with the inputs of that pass.
    """
    forward: Callable[..., object] = model.forward
    address = {module: name for name, module in model.named_modules()}

    def call(*args: object, **kwargs: object) -> object:
        bound = inspect.signature(forward).bind(*args, **kwargs).arguments
        inputs = bound if kwargs else args
        with _forward(model, forward):
            traced = trace(model, inputs)
        graph, found = traced.module.graph, joins(traced.module)
        outputs = {
            name: node
            for name, module in modules.items()
            if (node := output_of(graph, address[module])) is not None
        }
        ends = [(join.x, join.shortcut, join.transform[0], join.y) for join in found]
        y, values = run(traced, inputs, {*outputs.values(), *(end for row in ends for end in row)})
        kept = {node: _keep_grad(value) for node, value in values.items()}
        for name, row in zip(names(found), ends):
            tape.units[name] = UnitRecord(*(kept[node] for node in row))
            tape.times[name] += 1
        for name, node in outputs.items():
            tape.outputs[name] = kept[node]
        return y

    with _forward(model, call):
        yield


@contextmanager
def _forward(model: nn.Module, function: Callable[..., object]) -> Iterator[None]:
    """Let `function` be the model's forward for the time of the block."""
    own = model.__dict__
    before = {key: own[key] for key in ("forward",) if key in own}
    own["forward"] = function
    try:
        yield
    finally:
        own.pop("forward")
        own.update(before)


def _keep_grad(tensor: Tensor) -> Tensor:
    if torch.is_grad_enabled() and tensor.requires_grad and not tensor.is_leaf:
        tensor.retain_grad()
    return tensor
