"""What may lie on a shortcut: nothing, a view, a pool, a scale, a norm, one linear map."""

from collections.abc import Iterable
from dataclasses import dataclass

from torch import fx

from plusx.graph.flow import Flow
from plusx.graph.nodes import cat_terms, kind

__all__ = ["SPLITS", "Light", "enters_softmax", "is_linear", "light"]

SPLITS = {"chunk", "split", "splitwithsizes", "tensorsplit", "unbind"}
"""Operations that give a tuple of pieces."""
VIEWS = SPLITS | {
    "identity", "view", "viewas", "reshape", "reshapeas", "flatten", "unflatten", "squeeze",
    "unsqueeze", "permute", "transpose", "t", "swapaxes", "swapdims", "movedim", "moveaxis",
    "contiguous", "clone", "detach", "alias", "to", "tocopy", "float", "half", "bfloat16", "type",
    "typeas", "getitem", "select", "slice", "narrow", "indexselect", "expand", "expandas",
    "data", "roll", "flip", "pixelshuffle", "pixelunshuffle",
    "pad", "constantpadnd", "zeropad1d", "zeropad2d", "zeropad3d", "constantpad1d",
    "constantpad2d", "constantpad3d", "reflectionpad2d", "replicationpad2d",
    "interpolate", "upsample", "upsamplebilinear2d", "upsamplenearest2d",
    "dropout", "dropout1d", "dropout2d", "dropout3d", "featuredropout", "stochasticdepth",
    "avgpool1d", "avgpool2d", "avgpool3d", "adaptiveavgpool1d", "adaptiveavgpool2d",
    "adaptiveavgpool3d",
}  # fmt: skip
"""Operations without parameters that are linear, or would be without chance."""
MAX_POOLS = {"maxpool1d", "maxpool2d", "maxpool3d", "maxpool2dwithindices"}
NORMS = {
    "batchnorm", "batchnorm1d", "batchnorm2d", "batchnorm3d", "syncbatchnorm", "layernorm",
    "groupnorm", "instancenorm", "instancenorm1d", "instancenorm2d", "instancenorm3d", "rmsnorm",
    "nativebatchnorm", "nativelayernorm", "nativegroupnorm",
}  # fmt: skip
LINEAR = {
    "conv1d", "conv2d", "conv3d", "convolution", "convtranspose2d", "linear", "addmm", "matmul",
    "mm", "bmm", "einsum",
}  # fmt: skip
"""Linear maps, where one of the two factors is a parameter."""
SCALES = {"mul", "div", "truediv", "neg", "add", "sub", "rsub"}
PRODUCTS = {"matmul", "mm", "bmm", "einsum", "baddbmm"}


@dataclass(frozen=True, order=True)
class Light:
    """How much a path does that may be a shortcut; the one that does least is the shortcut."""

    linear: int
    norms: int
    max_pools: int
    steps: int


def light(path: Iterable[fx.Node], flow: Flow) -> Light | None:
    """Count what a path does, or return None where it does more than a shortcut may.

    He et al. 2015, section 3.3: the identity, padding, or a projection. An activation, a gate, a
    product of two values or a second linear map makes a path a transform.
    """
    linear = norms = max_pools = steps = 0
    for node in path:
        if _is_linear(node, flow):
            linear += 1
        elif kind(node) in NORMS:
            norms += 1
        elif kind(node) in MAX_POOLS:
            max_pools += 1
        elif not _is_plain(node, flow):
            return None
        steps += 1
    return Light(linear, norms, max_pools, steps) if linear < 2 else None


def is_linear(path: Iterable[fx.Node], flow: Flow) -> bool:
    """Tell whether a path only adds up linear maps and norms, as branches side by side do."""
    return all(
        _is_linear(node, flow) or kind(node) in NORMS | {"add"} or _is_plain(node, flow)
        for node in path
    )


def _is_linear(node: fx.Node, flow: Flow) -> bool:
    return kind(node) in LINEAR and (node.op == "call_module" or flow.uses_weight(node))


def _is_plain(node: fx.Node, flow: Flow) -> bool:
    """Tell whether the node moves, pads, averages or scales one value."""
    values = [source for source in node.all_input_nodes if not flow.is_constant(source)]
    if kind(node) in SCALES or cat_terms(node) is not None:
        return len(values) == 1 and node.op != "call_module"
    return kind(node) in VIEWS


def enters_softmax(node: fx.Node, flow: Flow) -> bool:
    """Tell whether the value is a score of attention: masked and scaled, softmax, a product."""
    front, seen = [(node, False)], {(node, False)}
    while front:
        member, weighted = front.pop()
        for user in member.users:
            if weighted and kind(user) in PRODUCTS:
                return True
            passed = _is_plain(user, flow) or kind(user) in ("add", "where", "maskedfill")
            state = (user, weighted or kind(user) == "softmax")
            if (passed or state[1]) and (passed or not weighted) and state not in seen:
                seen.add(state)
                front.append(state)
    return False
