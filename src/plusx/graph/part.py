"""part(module, x, ends): a piece of a graph as a module, over the same parameters."""

import operator
from collections.abc import Callable, Iterable, Sequence

from torch import fx, nn

from plusx.graph.inplace import uncopied
from plusx.graph.join import Join
from plusx.graph.nodes import argument, cat_terms, inside, kind
from plusx.merge import Concat, Sum

__all__ = ["context_of", "merge_of", "part"]


def part(module: fx.GraphModule, join: Join, ends: Sequence[fx.Node]) -> nn.Module:
    """Make the module that gives the values `ends` of x: `part(x, *context)`, a tuple if several.

    Context is what it needs and x does not give, in the order of the graph; most need none. What
    the unit's own modules make of the context (keys and values of a memory) is in the part.
    """
    kept, _ = _needed(module.graph, join, ends)
    graph = fx.Graph()
    made = {join.x: graph.placeholder("x")}
    for node in context_of(module.graph, join, ends):
        made[node] = graph.placeholder(f"context_{node.name}")
    for node in module.graph.nodes:
        if node in kept:
            made[node] = graph.node_copy(node, made.__getitem__)
    graph.output(made[ends[0]] if len(ends) == 1 else tuple(made[end] for end in ends))
    return fx.GraphModule(module, graph)


def context_of(whole: fx.Graph, join: Join, ends: Sequence[fx.Node]) -> list[fx.Node]:
    """Return what the ends need and x does not give, in the order of the graph."""
    _, context = _needed(whole, join, ends)
    return [node for node in whole.nodes if node in context]


def _needed(
    whole: fx.Graph, join: Join, ends: Sequence[fx.Node]
) -> tuple[set[fx.Node], set[fx.Node]]:
    """Return the nodes that compute the ends, and those that must be given beside x."""
    after = _closure([join.x], lambda node: node.users)
    before = _closure([join.x], lambda node: node.all_input_nodes)
    given = [node for node in whole.nodes if node.op == "placeholder"]
    moving = _closure(given, lambda node: node.users)
    kept: set[fx.Node] = set()
    context: set[fx.Node] = set()
    front = list(ends)
    while front:
        node = front.pop()
        if node is join.x or node in kept or node in context:
            continue
        own = node not in before and node.op != "placeholder" and inside(node, join.holder)
        if node in after or node not in moving or own:
            kept.add(node)
            front.extend(node.all_input_nodes)
        else:
            context.add(node)
    return kept, context


def _closure(
    start: Sequence[fx.Node], step: Callable[[fx.Node], Iterable[fx.Node]]
) -> set[fx.Node]:
    found, front = set(start), list(start)
    while front:
        for node in step(front.pop()):
            if node not in found:
                found.add(node)
                front.append(node)
    return found


def merge_of(module: fx.GraphModule, join: Join) -> nn.Module:
    """Make merge(s, t): `Sum` or `Concat` where it is just that, else the graph's own operations.

    Where the transform gives several values, t is their tuple.
    """
    y, t = join.y, join.transform
    pair = [uncopied(node)[0] for node in y.all_input_nodes]
    if kind(y) == "add" and sorted(pair) == sorted((join.shortcut, *t)) and not y.kwargs:
        return Sum()
    if cat_terms(y) == (join.shortcut, *t) and len(t) == 1:
        return Concat(dim=argument(y, 1, "dim", 0))
    graph = fx.Graph()
    made = {join.shortcut: graph.placeholder("s")}
    given = graph.placeholder("t")
    for place, node in enumerate(t):
        made[node] = given if len(t) == 1 else graph.call_function(operator.getitem, (given, place))
    for node in join.merge:
        made[node] = graph.node_copy(node, lambda old: made[old])
    graph.output(made[y])
    return fx.GraphModule(module, graph)
