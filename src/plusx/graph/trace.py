"""trace(model): the operations of a forward pass, as torch.fx or else torch.export draws them."""

import functools
import warnings
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal

import torch
from torch import fx, nn

from plusx.errors import InputError
from plusx.graph.inplace import out_of_place
from plusx.graph.nodes import gather_cats
from plusx.graph.symbolic import Inputs, by_fx, tensors_of

__all__ = ["Traced", "trace"]


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
            return Traced(_settled(by_fx(model, inputs)), "fx")
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


def _by_export(model: nn.Module, inputs: Sequence[object] | Mapping[str, object]) -> fx.GraphModule:
    named = isinstance(inputs, Mapping)
    args = () if named else tuple(inputs)
    kwargs = dict(inputs) if isinstance(inputs, Mapping) else {}
    forward = model.forward

    @functools.wraps(forward)
    def call(*args: object, **kwargs: object) -> object:
        return tensors_of(forward(*args, **kwargs))

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


@contextmanager
def _unchanged(model: nn.Module) -> Iterator[None]:
    """Put back what a forward pass on proxies leaves on the modules, and the random state."""
    owns = [module.__dict__ for module in model.modules()]
    values = [value for own in owns for value in own.values()]
    named = [(now, dict(now)) for now in (*owns, *values) if isinstance(now, dict)]
    rows = [(now, list(now)) for now in values if isinstance(now, list | deque)]
    with torch.random.fork_rng(devices=[]):
        try:
            yield
        finally:
            for now, before in named:
                now.clear()
                now.update(before)
            for row, was in rows:
                row.clear()
                row.extend(was)


def _first_line(error: Exception) -> str:
    words = str(error).strip() or type(error).__name__
    return words.splitlines()[0]
