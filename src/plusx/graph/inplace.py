"""out_of_place(module): a graph without operations that write over their input."""

import operator
from typing import Any

import torch
from torch import fx
from torch._ops import OpOverload

from plusx.graph.nodes import is_shape, kind

__all__ = ["late_readers", "out_of_place", "uncopied"]

LATE = "plusx_late"
"""Holds, of an operation in place, those that read its input by its old name afterwards."""
COPY = "plusx_copy"
"""Marks the copies, which are written over: their values are to be had from what they copy."""

NUMBERS = {
    operator.iadd: operator.add,
    operator.isub: operator.sub,
    operator.imul: operator.mul,
    operator.itruediv: operator.truediv,
}
VIEWS = {
    "view", "reshape", "viewas", "reshapeas", "flatten", "unflatten", "squeeze", "unsqueeze",
    "permute", "transpose", "t", "swapaxes", "swapdims", "movedim", "getitem", "select", "slice",
    "narrow", "chunk", "split", "splitwithsizes", "tensorsplit", "unbind", "expand", "expandas",
    "detach", "alias", "identity", "contiguous", "to",
}  # fmt: skip


def out_of_place(module: fx.GraphModule) -> None:
    """Let each operation that writes over its input write over a copy, which later readers get.

    The values are those of the model as written; those that it overwrites are kept beside them.
    Raises `ValueError` where a view is written over and the whole is read later: not covered.
    """
    place = {node: number for number, node in enumerate(module.graph.nodes)}
    shapes: set[fx.Node] = set()
    for node in list(module.graph.nodes):
        if is_shape(node, shapes):
            shapes.add(node)
            node.target = NUMBERS.get(node.target, node.target)
            continue
        old = _overwritten(node)
        if old is None:
            continue
        later = [user for user in old.users if place[user] > place[node]]
        _refuse_views(old, node, place)
        with module.graph.inserting_before(node):
            copy = module.graph.call_function(torch.clone, (old,))
        copy.meta = dict(node.meta) | {COPY: True}
        place[copy] = place[node]
        node.replace_input_with(old, copy)
        node.meta = dict(node.meta) | {LATE: tuple(later)}
        for user in later:
            user.replace_input_with(old, node)


def uncopied(node: fx.Node) -> tuple[fx.Node, tuple[fx.Node, ...]]:
    """Return the value that the node has, or is a copy of; and the copy, if it is one."""
    return (node.all_input_nodes[0], (node,)) if COPY in node.meta else (node, ())


def late_readers(node: fx.Node) -> tuple[fx.Node, ...]:
    """Return what reads a value that this node has written over, after it did.

    `x.relu_()` and then `y + x`: the sum gets relu(x), which its author may not have meant.
    """
    return tuple(node.meta.get(LATE, ()))


def _overwritten(node: fx.Node) -> fx.Node | None:
    """Return the input that the operation writes over."""
    if not node.all_input_nodes or not _writes(node):
        return None
    old = node.args[0] if node.args else node.all_input_nodes[0]
    return old if isinstance(old, fx.Node) else None


def _writes(node: fx.Node) -> bool:
    target: Any = node.target
    if node.op == "call_module":
        root = node.graph.owning_module
        assert root is not None
        return getattr(root.get_submodule(target), "inplace", False) is True
    if node.op not in ("call_function", "call_method"):
        return False
    if isinstance(target, OpOverload):
        alias = target._schema.arguments[0].alias_info if target._schema.arguments else None
        return alias is not None and alias.is_write
    name = target if isinstance(target, str) else target.__name__
    written = name.endswith("_") and not name.endswith("__") and name != "requires_grad_"
    return written or target in NUMBERS or node.kwargs.get("inplace") is True


def _refuse_views(old: fx.Node, node: fx.Node, place: dict[fx.Node, int]) -> None:
    """Refuse to write over a view of what is read later, or over a tensor whose views are."""
    family, front = {old}, [old]
    while front:
        member = front.pop()
        base = [n for n in member.all_input_nodes[:1] if kind(member) in VIEWS]
        views = [user for user in member.users if kind(user) in VIEWS and place[user] < place[node]]
        for other in (*base, *views):
            if other not in family:
                family.add(other)
                front.append(other)
    for member in family - {old}:
        if any(place[user] > place[node] and user is not node for user in member.users):
            raise ValueError(
                f"{node.name} writes over {old.name}, which shares its memory with {member.name}; "
                "write x = x + y instead of x += y there"
            )
