"""Copies of any network: as it is, or with other parts in its units."""

import copy
from collections.abc import Callable
from dataclasses import replace
from typing import final

from torch import Tensor, fx, nn

from plusx.errors import InputError, nearest
from plusx.graph import Inputs, Join, context_of, joins, trace
from plusx.unit import Unit, declared_units, units

__all__ = ["changed", "copy_of", "replace_shortcut", "scale", "skip", "swap"]


def copy_of(model: nn.Module, memo: dict[int, object] | None = None) -> nn.Module:
    """Copy a network; `memo` as for `copy.deepcopy`.

    What a forward pass has left on a module, such as the weight that `weight_norm` makes before
    each, is copied without the way it was made.
    """
    memo = {} if memo is None else memo
    for module in model.modules():
        for value in vars(module).values():
            if isinstance(value, Tensor) and not value.is_leaf:
                memo[id(value)] = value.detach().clone()
    return copy.deepcopy(model, memo)


def changed(
    model: nn.Module, change: Callable[[list[Unit]], list[Unit]], *, inputs: Inputs = None
) -> nn.Module:
    """Copy `model` and put what `change` makes of the copy's units in their places.

    `change` returns as many units as it gets, with other parts where it wants them
    (`dataclasses.replace`). A network that is not ours becomes the graph of its forward pass
    (`graph.trace`), in the mode it has; `inputs` as for `units`. The model stays as it is.
    """
    copied = copy_of(model)
    before = units(copied, inputs)
    after = change(list(before))
    if len(after) != len(before):
        raise InputError(f"change gave {len(after)} units for {len(before)}; give one for each")
    if declared_units(copied) or not before:
        for old, new in zip(before, after):
            for part in ("shortcut", "transform", "merge"):
                setattr(old.module, part, getattr(new, part))
        return copied
    module = trace(copied, inputs).module
    for number, (join, old, new) in enumerate(zip(joins(module), before, after)):
        if (old.shortcut, old.transform, old.merge) != (new.shortcut, new.transform, new.merge):
            _rewrite(module, join, old, new, f"unit{number}")
    module.graph.eliminate_dead_code()
    module.delete_all_unused_submodules()
    module.recompile()
    module.training = copied.training
    return module


def _rewrite(module: fx.GraphModule, join: Join, old: Unit, new: Unit, name: str) -> None:
    graph = module.graph

    def call(part: str, *args: object) -> fx.Node:
        module.add_submodule(f"{name}_{part}", getattr(new, part))
        made = graph.call_module(f"{name}_{part}", args)  # type: ignore[arg-type]
        made.meta = dict(join.y.meta)
        return made

    ends = join.transform
    s: fx.Node = join.shortcut
    t: object = ends[0] if len(ends) == 1 else ends
    with graph.inserting_before(join.y.next):
        if new.shortcut is not old.shortcut:
            s = call("shortcut", join.x)
        if new.transform is not old.transform:
            t = call("transform", join.x, *context_of(graph, join, ends))
        users = list(join.y.users)
        y = call("merge", s, t)
    for user in users:
        user.replace_input_with(join.y, y)


@final
class _NotRun(nn.Module):
    """t = x, for a merge that takes none."""

    def forward(self, x: Tensor, *context: object) -> Tensor:
        return x


@final
class _ShortcutOnly(nn.Module):
    """y = s."""

    def forward(self, s: Tensor, t: object) -> Tensor:
        return s


@final
class _Times(nn.Module):
    """y = merge(s, a t)."""

    def __init__(self, merge: nn.Module, factor: float) -> None:
        super().__init__()
        self.merge = merge
        self.factor = factor

    def forward(self, s: Tensor, t: Tensor) -> Tensor:
        if not isinstance(t, Tensor):
            raise InputError(
                "a gated sum takes a candidate and a gate; scale its candidate instead"
            )
        y: Tensor = self.merge(s, self.factor * t)
        return y


def skip(model: nn.Module, name: str, *, inputs: Inputs = None) -> nn.Module:
    """Copy `model` with one unit that gives its shortcut alone; the transform is not run."""
    return changed(
        model,
        lambda found: _with(
            found, name, lambda u: replace(u, transform=_NotRun(), merge=_ShortcutOnly())
        ),
        inputs=inputs,
    )


def scale(model: nn.Module, name: str, factor: float, *, inputs: Inputs = None) -> nn.Module:
    """Copy `model` with one unit y = merge(shortcut(x), factor transform(x))."""
    return changed(
        model,
        lambda found: _with(found, name, lambda u: replace(u, merge=_Times(u.merge, factor))),
        inputs=inputs,
    )


def replace_shortcut(
    model: nn.Module, name: str, shortcut: nn.Module, *, inputs: Inputs = None
) -> nn.Module:
    """Copy `model` with another shortcut in one unit."""
    return changed(
        model,
        lambda found: _with(found, name, lambda u: replace(u, shortcut=shortcut)),
        inputs=inputs,
    )


def swap(model: nn.Module, one: str, other: str, *, inputs: Inputs = None) -> nn.Module:
    """Copy `model` with the transforms of two units in each other's place."""

    def change(found: list[Unit]) -> list[Unit]:
        a, b = _named(found, one).transform, _named(found, other).transform
        found = _with(found, one, lambda u: replace(u, transform=b))
        return _with(found, other, lambda u: replace(u, transform=a))

    return changed(model, change, inputs=inputs)


def _named(found: list[Unit], name: str) -> Unit:
    for unit in found:
        if unit.name == name:
            return unit
    names = [unit.name for unit in found]
    raise InputError(f"the network has no unit {name!r}; it has {names}{nearest(name, names)}")


def _with(found: list[Unit], name: str, change: Callable[[Unit], Unit]) -> list[Unit]:
    chosen = _named(found, name)
    return [change(unit) if unit is chosen else unit for unit in found]
