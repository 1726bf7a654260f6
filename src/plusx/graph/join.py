"""joins(traced): where a shortcut and a transform become one."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import torch
from torch import fx

from plusx.graph.flow import Flow
from plusx.graph.inplace import uncopied
from plusx.graph.nodes import argument, cat_terms, common_owner, kind
from plusx.graph.path import SPLITS, Light, enters_softmax, is_linear, light

__all__ = ["Join", "joins"]


@dataclass(frozen=True, eq=False)
class Join:
    """y = merge(shortcut(x), transform(x)), by the places of these values in a graph."""

    x: fx.Node
    shortcut: fx.Node
    transform: tuple[fx.Node, ...]
    merge: tuple[fx.Node, ...]
    """The operations that make y of shortcut and transform; the last is y."""
    holder: str
    """The address of the smallest module whose forward holds shortcut, transform and merge."""

    @property
    def y(self) -> fx.Node:
        """The node of what the join gives."""
        return self.merge[-1]


@dataclass(frozen=True)
class _Reading:
    """One way to read an operation as a join."""

    shortcut: fx.Node
    transform: tuple[fx.Node, ...]
    merge: tuple[fx.Node, ...]
    concat: bool = False


def joins(module: fx.GraphModule) -> list[Join]:
    """Find the joins of a graph without operations in place, in the order of execution.

    A join is a sum, a gated sum or a concatenation of values that come from one x. One of them is
    the shortcut: the identity, or only moves, pads, pools, scales, norms and at most one linear map
    (He et al. 2015, section 3.3); of a concatenation it has no parameters and no maximum, since
    there a 1x1 convolution is a branch as any other (Inception). The others are the transform: it
    has parameters, and beside a linear shortcut it is more than linear. A product (a gate) and a
    sum of attention's scores are no joins, nor is a sum with what does not come from x (a position
    embedding).
    """
    flow = Flow(module)
    found = []
    for node in flow.nodes:
        read = [made for reading in _readings(node, flow) if (made := _join(reading, flow))]
        if read:
            found.append(min(read, key=lambda pair: pair[0])[1])
    found = [_as_two_terms(join) for join in found]
    module.recompile()
    return found


def _as_two_terms(join: Join) -> Join:
    """Write cat(s, a, b) as cat(s, cat(a, b)): the transform is one value."""
    y, terms = join.y, cat_terms(join.y)
    if terms is None or len(terms) < 3 or join.shortcut not in (terms[0], terms[-1]):
        return join
    dim = argument(y, 1, "dim", 0)
    with y.graph.inserting_before(y):
        rest = y.graph.call_function(torch.cat, (list(join.transform), dim))
    rest.meta = dict(y.meta)
    y.args = ([join.shortcut, rest] if terms[0] is join.shortcut else [rest, join.shortcut], dim)
    y.kwargs = {}
    return replace(join, transform=(rest,))


def _readings(node: fx.Node, flow: Flow) -> Iterator[_Reading]:
    if flow.is_constant(node) or node.op not in ("call_function", "call_method"):
        return
    if terms := cat_terms(node):
        for place, term in enumerate(terms):
            rest = terms[:place] + terms[place + 1 :]
            yield _Reading(term, rest, (node,), concat=True)
    elif kind(node) == "lerp" and len(node.all_input_nodes) == 3:
        start, end, weight = node.all_input_nodes
        first, copies = uncopied(start)
        yield _Reading(first, (end, weight), (*copies, node))
    elif kind(node) == "add":
        pair = (argument(node, 0, "input"), argument(node, 1, "other"))
        if not (isinstance(pair[0], fx.Node) and isinstance(pair[1], fx.Node)):
            return
        first, copies = uncopied(pair[0])
        for s, t in ((first, pair[1]), (pair[1], first)):
            yield _Reading(s, (t,), (*copies, node))
            yield from _gated((*copies, node), s, t)


def _gated(total: tuple[fx.Node, ...], carried: fx.Node, candidate: fx.Node) -> Iterator[_Reading]:
    """Read s c + g h, where one gate is one minus the other: c = 1 - g, or g = 1 - c."""
    if kind(carried) != "mul" or kind(candidate) != "mul":
        return
    for carry, s in _factors(carried):
        for gate, _ in _factors(candidate):
            if _is_rest(carry, gate) or _is_rest(gate, carry):
                yield _Reading(s, (candidate, carry), (carried, *total))


def _factors(node: fx.Node) -> list[tuple[fx.Node, fx.Node]]:
    if len(node.all_input_nodes) != 2:
        return []
    a, b = node.all_input_nodes
    return [(a, b), (b, a)]


def _is_rest(rest: fx.Node, gate: fx.Node) -> bool:
    """Tell whether rest = 1 - gate."""
    if rest.all_input_nodes != [gate]:
        return False
    if kind(rest) == "sub":
        return argument(rest, 0, "input") in (1, 1.0)
    return kind(rest) == "rsub" and argument(rest, 1, "other") in (1, 1.0)


def _join(reading: _Reading, flow: Flow) -> tuple[Light, Join] | None:
    s = reading.shortcut
    met = [x for t in reading.transform if (x := flow.meeting(s, t)) is not None]
    if not met:
        return None
    x = max(met, key=lambda node: flow.bit[node])
    while kind(x) in SPLITS and x is not s:
        x = next(source for source in x.all_input_nodes if not flow.is_constant(source))
    way, work = flow.between(x, (s,)), flow.between(x, reading.transform)
    weight = light(way, flow)
    if weight is None or not any(node in flow.learning for node in work):
        return None
    if reading.concat and (weight.linear or weight.norms or weight.max_pools):
        return None
    if weight.linear and is_linear(work, flow):
        return None
    if enters_softmax(reading.merge[-1], flow):
        return None
    holder = common_owner((*way, *work, *reading.merge))
    return weight, Join(x, s, reading.transform, reading.merge, holder)
