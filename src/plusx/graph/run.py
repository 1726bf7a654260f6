"""run(traced, inputs): the values inside a network, from one pass."""

from collections.abc import Callable, Collection, Mapping, Sequence

import torch
from torch import fx
from torch.utils import _pytree

from plusx.graph.nodes import inside
from plusx.graph.trace import Traced

__all__ = ["output_of", "run", "run_part"]


def run(
    traced: Traced,
    inputs: Sequence[object] | Mapping[str, object],
    wanted: Collection[fx.Node],
    *,
    instead: Mapping[fx.Node, Callable[[torch.Tensor], torch.Tensor]] | None = None,
) -> tuple[object, dict[fx.Node, torch.Tensor]]:
    """Run the graph on what it was traced with, or alike; return its output and `wanted` values.

    The output has tensors, tuples and dictionaries where the model's forward may have its own
    classes. Values are part of the pass: gradients flow through them. `instead` makes of the value
    of a node another, which all that follows gets.
    """
    runner = _Runner(traced.module, wanted, instead or {})
    values = list(inputs.values()) if isinstance(inputs, Mapping) else list(inputs)
    if traced.by == "fx":
        flat = [value for value in values if isinstance(value, torch.Tensor)]
    else:
        flat = _pytree.tree_leaves(values)
    output = runner.run(*flat, enable_io_processing=False)
    return traced.module.graph.process_outputs(output), runner.seen


def run_part(
    traced: Traced, nodes: Sequence[fx.Node], known: Mapping[fx.Node, torch.Tensor]
) -> dict[fx.Node, torch.Tensor]:
    """Run these nodes alone, in order, from `known` values of all that they take from elsewhere."""
    runner = fx.Interpreter(traced.module)
    runner.env = dict(known)
    for node in nodes:
        runner.env[node] = runner.run_node(node)
    return {node: runner.env[node] for node in nodes}


class _Runner(fx.Interpreter):
    def __init__(
        self,
        module: fx.GraphModule,
        wanted: Collection[fx.Node],
        instead: Mapping[fx.Node, Callable[[torch.Tensor], torch.Tensor]],
    ) -> None:
        super().__init__(module)
        self.wanted = set(wanted)
        self.instead = instead
        self.seen: dict[fx.Node, torch.Tensor] = {}

    def run_node(self, n: fx.Node) -> object:
        value = super().run_node(n)
        if n in self.instead:
            value = self.instead[n](value)
        if n in self.wanted:
            self.seen[n] = value
        return value


def output_of(graph: fx.Graph, address: str) -> fx.Node | None:
    """Return the value that the module at this address gives, at its last call; None if unused."""
    nodes = [node for node in graph.nodes if node.op != "output" and inside(node, address)]
    kept = set(nodes)
    given = [node for node in nodes if any(user not in kept for user in node.users)]
    return given[-1] if given else None
