"""Layer: one operation of a graph, as the papers write it: "3x3 64 /2", "BN", "relu"."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from torch import fx, nn

from plusx.graph.nodes import argument, cat_terms, kind, owner
from plusx.graph.path import MAX_POOLS, NORMS, PRODUCTS, VIEWS

__all__ = ["Layer", "Shape", "Shapes", "read", "words"]

Shape = tuple[int, ...]
Shapes = Mapping[fx.Node, Shape]
"""What each operation gives for two samples."""

CONVS = {"conv1d", "conv2d", "conv3d", "convolution"}
LINEAR = {"linear", "addmm"}
ACTIVATIONS = {
    "relu", "relu6", "leakyrelu", "prelu", "elu", "selu", "celu", "gelu", "silu", "mish",
    "hardswish", "hardtanh", "tanh", "sigmoid", "hardsigmoid", "softplus",
}  # fmt: skip
POOLS = {f"avgpool{n}d" for n in (1, 2, 3)} | {f"adaptiveavgpool{n}d" for n in (1, 2, 3)}
PADS = {"pad", "constantpadnd", "zeropad2d", "constantpad1d", "constantpad2d", "constantpad3d"}
ATTENTION = {"scaleddotproductattention", "softmax", "multiheadattention"}
SHORT = {"batch": "BN", "sync": "BN", "native": "BN", "layer": "LN", "group": "GN"} | {
    "instance": "IN", "rms": "RMS norm"
}  # fmt: skip
LAYER_NORMS = {"nativelayernorm": "LN", "nativegroupnorm": "GN"}

CHANNEL_NORMS = {name for name in NORMS if "batch" in name or "instance" in name}

Kind = Literal["conv", "linear", "norm", "act", "pool", "pad", "attention"]


@dataclass(frozen=True, kw_only=True)
class Layer:
    """What an operation is; `x` and `y` are the shapes of one sample before and after it."""

    kind: Kind
    name: str
    place: str
    x: Shape
    y: Shape
    kernel: Shape = ()
    stride: int = 1
    groups: int = 1
    bias: bool = False
    feeds: str = ""  # what reads its value, where that is one operation

    @property
    def width(self) -> int:
        """The channels that it gives: of (C, H, W) the first, of (tokens, C) the last."""
        return self.y[0] if len(self.y) > 2 or len(self.y) == 1 else self.y[-1]

    @property
    def wastes_bias(self) -> bool:
        """Whether a norm takes the mean of each channel away, and with it this layer's bias."""
        return self.bias and self.feeds in CHANNEL_NORMS

    @property
    def form(self) -> str:
        """Its name without width and stride."""
        return "x".join(map(str, self.kernel)) if self.kind == "conv" else self.name

    def __str__(self) -> str:
        stride = f" /{self.stride}" if self.stride > 1 else ""
        width = f" {self.width}" if self.kind in ("conv", "linear") else ""
        return f"{self.form}{width}{stride}"


def words(layers: tuple[Layer, ...], *, most: int | None = None) -> str:
    """List layers as a paper does: "3x3 64, BN, relu"; `most` of them, where there are more."""
    if most is not None and len(layers) > most:
        return f"{words(layers[:most])}, ... ({len(layers)} layers)"
    return ", ".join(map(str, layers)) or "nothing"


def read(node: fx.Node, shapes: Shapes) -> tuple[Layer, ...]:
    """Read the layers of an operation: one, none where an outline tells nothing of it.

    torch's attention is three in one.
    """
    if node.op not in ("call_module", "call_function", "call_method") or node not in shapes:
        return ()
    sources = [source for source in node.all_input_nodes if source in shapes]
    if not sources:
        return ()
    word = kind(node)
    module = _module(node)
    x, y = shapes[sources[0]][1:], shapes[node][1:]
    place = str(node.target) if module is not None else owner(node)
    readers = [kind(user) for user in node.users]
    shared = {"place": place, "x": x, "y": y, "feeds": readers[0] if len(readers) == 1 else ""}
    if word in CONVS:
        return _conv(node, shapes, module, shared)
    if isinstance(module, nn.MultiheadAttention):
        return _attention(module, x, place)
    found = _named(node, word, x, y)
    if found is None:
        return ()
    bias = _has_bias(node, module) if found[0] == "linear" else False
    stride = _ratio(x, y) if found[0] == "pool" and found[1] != "global pool" else 1
    return (Layer(kind=found[0], name=found[1], bias=bias, stride=stride, **shared),)  # type: ignore[arg-type]


def _attention(module: nn.MultiheadAttention, x: Shape, place: str) -> tuple[Layer, ...]:
    wide = (*x[:-1], 3 * module.embed_dim)
    bias = module.in_proj_bias is not None
    return (
        Layer(kind="linear", name="linear", place=place, x=x, y=wide, bias=bias),
        Layer(kind="attention", name="attention", place=place, x=wide, y=x),
        Layer(kind="linear", name="linear", place=f"{place}.out_proj", x=x, y=x, bias=bias),
    )


def _named(node: fx.Node, word: str, x: Shape, y: Shape) -> tuple[Kind, str] | None:
    if word in LINEAR:
        return "linear", "linear"
    if word in NORMS:
        return "norm", LAYER_NORMS.get(word) or next(
            name for start, name in SHORT.items() if word.startswith(start)
        )
    if word in ACTIVATIONS:
        return "act", word
    if word in MAX_POOLS:
        return "pool", "max-pool"
    if word in POOLS or word == "mean":
        small = len(x) == 3 and (len(y) == 1 or set(y[1:]) == {1})
        return ("pool", "global pool" if small else "avg-pool") if word in POOLS or small else None
    if word in PADS or cat_terms(node) is not None:
        return ("pad", "pad") if x[:1] != y[:1] else None
    attends = word in ATTENTION and (word != "softmax" or _weighs(node))
    return ("attention", "attention") if attends else None


def _weighs(node: fx.Node, steps: int = 6) -> bool:
    """Say whether a softmax gives the weights of a product, and not a gate or probabilities."""
    for user in node.users if steps else ():
        word = kind(user)
        if word in PRODUCTS:
            return True
        if (word in VIEWS or word == "dropout") and _weighs(user, steps - 1):
            return True
    return False


def _conv(
    node: fx.Node, shapes: Shapes, module: nn.Module | None, shared: Mapping[str, object]
) -> tuple[Layer, ...]:
    x: Shape = shared["x"]  # type: ignore[assignment]
    if module is not None:
        weight = tuple(module.weight.shape)  # type: ignore[arg-type]
        steps = module.stride
    else:
        weight = shapes.get(argument(node, 1, "weight"), ())
        steps = argument(node, 3, "stride", 1)
    if len(weight) < 3 or not x:
        return ()
    stride = max(steps) if isinstance(steps, tuple | list) else steps
    if set(weight[2:]) == {1} and math.prod(x[1:]) == 1:  # of one place: a linear layer
        return (Layer(kind="linear", name="linear", bias=_has_bias(node, module), **shared),)  # type: ignore[arg-type]
    layer = Layer(
        kind="conv",
        name="conv",
        kernel=tuple(weight[2:]),
        stride=stride if isinstance(stride, int) else 1,
        groups=max(1, x[0] // weight[1]),
        bias=_has_bias(node, module),
        **shared,  # type: ignore[arg-type]
    )
    return (layer,)


def _module(node: fx.Node) -> nn.Module | None:
    root = node.graph.owning_module
    if node.op != "call_module" or root is None:
        return None
    return root.get_submodule(str(node.target))


def _has_bias(node: fx.Node, module: nn.Module | None) -> bool:
    if module is not None:
        return getattr(module, "bias", None) is not None
    if kind(node) == "addmm":
        return True
    return argument(node, 2, "bias") is not None


def _ratio(x: Shape, y: Shape) -> int:
    return max(1, round(x[-1] / max(y[-1], 1))) if len(x) == len(y) > 1 else 1
