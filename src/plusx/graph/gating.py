"""gatings(module): where a value is weighed by a function of itself."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from torch import fx

from plusx.graph.flow import Flow
from plusx.graph.inplace import uncopied
from plusx.graph.nodes import argument, common_owner, inside, kind
from plusx.graph.path import PRODUCTS, light

__all__ = ["Gating", "gatings"]

EXPANDING = {"expand", "expandas"}
"""Operations that repeat weights to the shape of the value."""
PAIRS = PRODUCTS - {"einsum", "baddbmm"}


@dataclass(frozen=True, eq=False)
class Gating:
    """product = value * weights(value), by the places of these values in a graph.

    Or product = weights(x) @ value(x), or value @ weights: a weight for each pair of places.
    """

    value: fx.Node
    weights: fx.Node
    product: fx.Node
    summed: int | None
    """The axis of the weights that a matrix product sums over; None of a product place by place."""
    source: fx.Node
    """The value that the weights are made of."""
    holder: str
    """The address of the smallest module whose forward makes the weights and the product.

    Of one that makes the weights of other gates too, the part that makes these alone.
    """


def gatings(module: fx.GraphModule) -> list[Gating]:
    """Find the gates of a graph without operations in place, in the order of execution.

    A gate is a product of a value with what parameters make of this very value (x * sigmoid(x) has
    none, and x * y with y from elsewhere is none), or a matrix product of a linear map of x with
    weights that are no linear map of it: scores of attention, softmax or not, as a non-local
    block has them.
    """
    flow = Flow(module)
    found: dict[fx.Node, Gating] = {}
    for node in flow.nodes:
        if not flow.is_constant(node) and node.op in ("call_function", "call_method"):
            for gating in list(_readings(node, flow, found))[:1]:
                found[node] = gating
    every = list(found.values())
    return [replace(gating, holder=_holder(gating, every, flow)) for gating in every]


def _holder(gating: Gating, every: Sequence[Gating], flow: Flow) -> str:
    """Narrow the holder to the operations with parameters where it would name several gates."""
    others = (other.weights for other in every if other is not gating)
    if not any(inside(weights, gating.holder) for weights in others):
        return gating.holder
    work = flow.between(gating.source, (gating.weights,))
    return common_owner((gating.weights, *(step for step in work if step in flow.learning)))


def _readings(node: fx.Node, flow: Flow, found: Mapping[fx.Node, Gating]) -> Iterator[Gating]:
    for first, second in _factors(node):
        value, weights = uncopied(first)[0], _unexpanded(second)
        if flow.is_constant(value) or flow.is_constant(weights):
            continue
        if kind(node) in PAIRS:
            yield from _pairs(node, value, weights, flow)
            continue
        x = value
        while x in found and not flow.bit[x] & flow.above[weights]:
            x = found[x].value  # x f1(x) f2(x): the second gate weighs what the first has left
        if flow.bit[x] & flow.above[weights] and x is not weights:
            work = flow.between(x, (weights,))
            if any(step in flow.learning for step in work):
                yield Gating(value, weights, node, None, x, common_owner((*work, node)))


def _factors(node: fx.Node) -> list[tuple[fx.Node, fx.Node]]:
    if kind(node) == "mul" or kind(node) in PAIRS:
        a, b = argument(node, 0, "input"), argument(node, 1, "other")
    elif kind(node) == "addcmul":
        a, b = argument(node, 1, "tensor1"), argument(node, 2, "tensor2")
    else:
        return []
    return [(a, b), (b, a)] if isinstance(a, fx.Node) and isinstance(b, fx.Node) else []


def _unexpanded(node: fx.Node) -> fx.Node:
    while kind(node) in EXPANDING:
        node = node.all_input_nodes[0]
    return node


def _pairs(node: fx.Node, value: fx.Node, weights: fx.Node, flow: Flow) -> Iterator[Gating]:
    x = flow.meeting(value, weights)
    if x is None or light(flow.between(x, (value,)), flow) is None:
        return
    work = flow.between(x, (weights,))
    if light(work, flow) is None:
        first = _unexpanded(node.all_input_nodes[0]) is weights
        axis = -1 if first else -2
        yield Gating(value, weights, node, axis, x, common_owner((*work, node)))
