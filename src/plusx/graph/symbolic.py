"""by_fx(model): a forward pass on symbols, by torch.fx."""

import inspect
import operator
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import fx, nn

from plusx.graph.inplace import out_of_place

__all__ = ["Inputs", "by_fx", "tensors_of"]

Inputs = Sequence[object] | Mapping[str, object] | None
BLOCKS = (
    nn.Transformer,
    nn.TransformerEncoder,
    nn.TransformerDecoder,
    nn.TransformerEncoderLayer,
    nn.TransformerDecoderLayer,
)
"""torch's own networks with shortcuts, which fx would take for one operation."""


class _Proxy(fx.Proxy):
    """A proxy that tells `x += y` from `x + y`."""


def _writing(function: Callable[..., object]) -> Callable[[fx.Proxy, object], fx.Proxy]:
    def write(self: fx.Proxy, other: object) -> fx.Proxy:
        made: fx.Proxy = self.tracer.create_proxy("call_function", function, (self, other), {})
        return made

    return write


for _name in ("iadd", "isub", "imul", "itruediv"):
    setattr(_Proxy, f"__{_name}__", _writing(getattr(operator, _name)))


class _Tracer(fx.Tracer):
    """fx's tracer with the arguments that `inputs` names; the others have their defaults."""

    proxy_buffer_attributes = True  # a buffer stays the model's, and can be cut by sizes

    def __init__(self, model: nn.Module, inputs: Inputs) -> None:
        super().__init__()
        self.arguments = _arguments(model, inputs)

    def proxy(self, node: fx.Node) -> fx.Proxy:
        return _Proxy(node, self)

    def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:
        return super().is_leaf_module(m, module_qualified_name) and not isinstance(m, BLOCKS)

    def create_args_for_root(
        self,
        root_fn: Callable[..., Any],
        is_module: bool,
        concrete_args: object = None,
    ) -> tuple[Callable[..., Any], list[Any]]:
        def given(argument: _Argument) -> object:
            if not argument.symbolic:
                return argument.value
            return self.create_proxy("placeholder", argument.name, (), {})

        places = [given(a) for a in self.arguments if not a.by_name]
        named = {a.name: given(a) for a in self.arguments if a.by_name}

        def call(root: nn.Module) -> object:
            return tensors_of(root_fn(root, *places, **named))

        return call, [self.root]


@dataclass(frozen=True)
class _Argument:
    """An argument of forward: a symbol, or a value that stays as it is."""

    name: str
    value: object = None
    symbolic: bool = True
    by_name: bool = False


def _arguments(model: nn.Module, inputs: Inputs) -> list[_Argument]:
    """Return the arguments to trace with: those given, or without `inputs` those without default.

    Where all have defaults it is the first.
    """
    if isinstance(inputs, Mapping):
        return [
            _Argument(n, v, isinstance(v, torch.Tensor), by_name=True) for n, v in inputs.items()
        ]
    parameters = inspect.signature(model.forward).parameters.values()
    free = [p for p in parameters if p.kind not in (p.VAR_KEYWORD, p.KEYWORD_ONLY)]
    if inputs is None:
        needed = [p for p in free if p.default is p.empty and p.kind is not p.VAR_POSITIONAL]
        return [_Argument(p.name) for p in needed or free[:1]]
    names = [p.name for p in free if p.kind is not p.VAR_POSITIONAL]
    names += [f"more{place}" for place in range(len(inputs))]
    return [_Argument(n, v, isinstance(v, torch.Tensor)) for n, v in zip(names, inputs)]


def by_fx(model: nn.Module, inputs: Inputs) -> fx.GraphModule:
    """Trace by torch.fx; operations in place run on copies."""
    tracer = _Tracer(model, inputs)
    graph = tracer.trace(model)
    module = fx.GraphModule(tracer.root, graph)
    out_of_place(module)
    return module


def tensors_of(result: object) -> object:
    """Return what a forward gives without what is no tensor, such as a cache of keys and values."""
    if isinstance(result, Mapping):
        return {name: tensors_of(value) for name, value in result.items()}
    if isinstance(result, tuple | list):
        return tuple(tensors_of(value) for value in result)
    return result if isinstance(result, torch.Tensor | fx.Proxy) else None
