"""trace(model): the operations of a forward pass, as torch.fx or else torch.export draws them."""

import functools
import inspect
import operator
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import fx, nn

from plusx.errors import InputError
from plusx.graph.inplace import out_of_place
from plusx.graph.nodes import gather_cats

__all__ = ["Inputs", "Traced", "trace"]

Inputs = Sequence[object] | Mapping[str, object] | None
BLOCKS = (
    nn.Transformer,
    nn.TransformerEncoder,
    nn.TransformerDecoder,
    nn.TransformerEncoderLayer,
    nn.TransformerDecoderLayer,
)
"""torch's own networks with shortcuts, which fx would take for one operation."""


@dataclass(frozen=True, eq=False)
class Traced:
    """The operations of one forward pass: `module.graph`, over the model's own parameters.

    Nothing in it is done in place. What the model decides from its mode or from sizes is decided as
    it was when traced.
    """

    module: fx.GraphModule
    by: Literal["fx", "export"]


def trace(model: nn.Module, inputs: Inputs = None) -> Traced:
    """Trace `model` by torch.fx, or by torch.export where that fails and `inputs` are given.

    `inputs` is an example: what `forward` is called with, in order or by name. The model stays as
    it is, also in what its forward keeps. Raises `InputError`, saying why, where neither can trace.
    """
    with _unchanged(model):
        try:
            return Traced(_settled(_by_fx(model, inputs)), "fx")
        except Exception as error:  # whatever a foreign forward raises when it meets a proxy
            reason = f"torch.fx: {_first_line(error)}"
        if inputs is None:
            raise InputError(
                f"{type(model).__name__} cannot be traced without inputs ({reason}); give an "
                "example of them: units(model, (x,))"
            )
        try:
            return Traced(_settled(_by_export(model, inputs)), "export")
        except Exception as error:
            raise InputError(
                f"{type(model).__name__} cannot be traced ({reason}; torch.export: "
                f"{_first_line(error)}); a forward without branches on values can be"
            ) from error


def _settled(module: fx.GraphModule) -> fx.GraphModule:
    gather_cats(module.graph)
    module.graph.eliminate_dead_code(is_impure_node=_is_kept)
    module.recompile()
    return module


def _is_kept(node: fx.Node) -> bool:
    return node.op in ("placeholder", "output")


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
            return _tensors(root_fn(root, *places, **named))

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


def _by_fx(model: nn.Module, inputs: Inputs) -> fx.GraphModule:
    tracer = _Tracer(model, inputs)
    graph = tracer.trace(model)
    module = fx.GraphModule(tracer.root, graph)
    out_of_place(module)
    return module


def _by_export(model: nn.Module, inputs: Sequence[object] | Mapping[str, object]) -> fx.GraphModule:
    named = isinstance(inputs, Mapping)
    args = () if named else tuple(inputs)
    kwargs = dict(inputs) if isinstance(inputs, Mapping) else {}
    forward = model.forward

    @functools.wraps(forward)
    def call(*args: object, **kwargs: object) -> object:
        return _tensors(forward(*args, **kwargs))

    model.__dict__["forward"] = call  # taken away by _unchanged
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch warns of its own code, and of what _unchanged mends
        program = torch.export.export(model, args, kwargs, strict=False)
        try:
            return _module_of(program)
        except ValueError:  # a view is written over: torch's own rewriting knows of views
            return _module_of(program.run_decompositions({}))


def _module_of(program: torch.export.ExportedProgram) -> fx.GraphModule:
    module = program.module(check_guards=False)
    assert isinstance(module, fx.GraphModule)
    out_of_place(module)
    return module


def _tensors(result: object) -> object:
    """Return what a forward gives without what is no tensor, such as a cache of keys and values."""
    if isinstance(result, Mapping):
        return {name: _tensors(value) for name, value in result.items()}
    if isinstance(result, tuple | list):
        return tuple(_tensors(value) for value in result)
    return result if isinstance(result, torch.Tensor | fx.Proxy) else None


@contextmanager
def _unchanged(model: nn.Module) -> Iterator[None]:
    """Put back what a forward pass on proxies leaves on the modules, and the random state."""
    kept = [(module.__dict__, dict(module.__dict__)) for module in model.modules()]
    kept += [
        (value, dict(value)) for own, _ in kept for value in own.values() if isinstance(value, dict)
    ]
    with torch.random.fork_rng(devices=[]):
        try:
            yield
        finally:
            for now, before in kept:
                now.clear()
                now.update(before)


def _first_line(error: Exception) -> str:
    words = str(error).strip() or type(error).__name__
    return words.splitlines()[0]
