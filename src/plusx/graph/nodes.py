"""What an operation of a graph is called, whichever way the model wrote it."""

from collections.abc import Iterable
from typing import Any

from torch import fx, nn
from torch._ops import OpOverload

__all__ = [
    "argument",
    "cat_terms",
    "common_owner",
    "gather_cats",
    "inside",
    "is_shape",
    "kind",
    "makes",
    "owner",
]

SHAPES = {
    "size",
    "shape",
    "dim",
    "ndim",
    "ndimension",
    "numel",
    "device",
    "dtype",
    "symsize",
    "len",
}
MADE = ("zeros", "ones", "empty", "full", "rand", "arange", "new")
"""Beginnings of the names of functions that take from a tensor at most its shape."""
CATS = {"cat", "concat", "concatenate"}


def kind(node: fx.Node) -> str:
    """Return the operation's name in small letters: `Conv2d`, `F.conv2d`, `aten.conv2d` are one.

    So are `x + y`, `x.add(y)` and `torch.add(x, y)`; `x += y` and `x.add_(y)` too.
    """
    target: Any = node.target
    if node.op == "call_module":
        name = type(_module(node)).__name__
    elif node.op == "call_function" and target is getattr and isinstance(node.args[1], str):
        name = node.args[1]
    elif isinstance(target, OpOverload):
        name = target._schema.name.split("::")[1]
    elif isinstance(target, str):
        name = target
    else:
        name = target.__name__
    word = name.lower().replace("_", "")
    return {"iadd": "add", "imul": "mul", "isub": "sub", "itruediv": "div"}.get(word, word)


def _module(node: fx.Node) -> nn.Module:
    root = node.graph.owning_module
    assert root is not None
    return root.get_submodule(str(node.target))


def is_shape(node: fx.Node, known: set[fx.Node]) -> bool:
    """Tell whether the node is a size, a device or a number made of them; `known` are before it."""
    if node.op not in ("call_function", "call_method"):
        return False
    if kind(node) in SHAPES:
        return True
    inputs = node.all_input_nodes
    return bool(inputs) and all(n in known for n in inputs) and not makes(node)


def makes(node: fx.Node) -> bool:
    """Tell whether the node is a new tensor that has at most its shape from others."""
    return node.op in ("call_function", "call_method") and kind(node).startswith(MADE)


def owner(node: fx.Node) -> str:
    """Return the address of the innermost module whose forward does this operation."""
    stack = node.meta.get("nn_module_stack") or {}
    places = [place for place, _ in stack.values()]
    return str(places[-1]).removeprefix("L['self']").lstrip(".") if places else ""


def inside(node: fx.Node, address: str) -> bool:
    """Tell whether the module at this address does this operation, itself or in a part of it."""
    return not address or f"{owner(node)}.".startswith(f"{address}.")


def common_owner(nodes: Iterable[fx.Node]) -> str:
    """Return the address of the smallest module whose forward does all of these operations."""
    common, *rest = (owner(node).split(".") for node in nodes)
    for words in rest:
        same = 0
        while same < min(len(common), len(words)) and common[same] == words[same]:
            same += 1
        common = common[:same]
    return ".".join(common)


def argument(node: fx.Node, place: int, name: str, default: object = None) -> Any:
    """Return an argument of a call, however it was given."""
    return node.args[place] if len(node.args) > place else node.kwargs.get(name, default)


def cat_terms(node: fx.Node) -> tuple[fx.Node, ...] | None:
    """Return what the node concatenates, or None where it does something else."""
    if node.op != "call_function" or kind(node) not in CATS:
        return None
    terms = argument(node, 0, "tensors")
    if not isinstance(terms, list | tuple) or not all(isinstance(t, fx.Node) for t in terms):
        return None
    return tuple(t for t in terms if isinstance(t, fx.Node))


def gather_cats(graph: fx.Graph) -> None:
    """Write cat(a, b, c) as cat(cat(a, b), c) where cat(a, b) is there already.

    A dense block keeps a list of features and concatenates it anew for each layer; what the layer
    adds is its last term. The values stay what they are. A cat of one term is that term.
    """
    known: dict[tuple[object, tuple[fx.Node, ...]], fx.Node] = {}
    for node in list(graph.nodes):
        terms = cat_terms(node)
        if terms is None:
            continue
        dim = argument(node, 1, "dim", 0)
        if len(terms) == 1:
            node.replace_all_uses_with(terms[0])
            graph.erase_node(node)
            continue
        for size in range(len(terms) - 1, 1, -1):
            before = known.get((dim, terms[:size]))
            if before is not None:
                node.args = ([before, *terms[size:]], dim)
                node.kwargs = {}
                break
        known.setdefault((dim, terms), node)
