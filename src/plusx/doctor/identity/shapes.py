"""The shape of every value in a graph, without computing any (torch's meta device)."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, fx
from torch.func import functional_call
from torch.utils import _pytree

from plusx.doctor.identity.layer import Shape
from plusx.graph import Traced

__all__ = ["shapes_of"]


def shapes_of(traced: Traced, inputs: Sequence[object]) -> dict[fx.Node, Shape]:
    """Return the shapes, of a tuple that of its first value.

    Where the meta device does not do, they are from a pass with numbers.
    """
    try:
        return _run(_Meta(traced.module), traced, _pytree.tree_map(_to_meta, list(inputs)))
    except (RuntimeError, NotImplementedError, ValueError):  # a tensor made on the CPU meets others
        return _run(_Sizes(traced.module), traced, inputs)


def _run(runner: "_Sizes", traced: Traced, inputs: Sequence[object]) -> dict[fx.Node, Shape]:
    flat = _pytree.tree_leaves(list(inputs))
    if traced.by == "fx":
        flat = [value for value in flat if isinstance(value, Tensor)]
    with torch.no_grad():
        runner.run(*flat, enable_io_processing=False)
    return runner.seen


class _Sizes(fx.Interpreter):
    def __init__(self, module: fx.GraphModule) -> None:
        super().__init__(module)
        self.seen: dict[fx.Node, Shape] = {}

    def run_node(self, n: fx.Node) -> object:
        value = super().run_node(n)
        first = value[0] if isinstance(value, tuple) and value else value
        if isinstance(first, Tensor):
            self.seen[n] = tuple(first.shape)
        return value


class _Meta(_Sizes):
    def get_attr(self, target: Any, args: Any, kwargs: Any) -> object:
        return _to_meta(super().get_attr(target, args, kwargs))

    def call_module(self, target: Any, args: Any, kwargs: Any) -> object:
        module = self.module.get_submodule(target)
        tensors = {
            name: torch.empty_like(tensor, device="meta")
            for name, tensor in (*module.named_parameters(), *module.named_buffers())
        }
        return functional_call(module, tensors, args, kwargs)


def _to_meta(value: object) -> object:
    return torch.empty_like(value, device="meta") if isinstance(value, Tensor) else value
