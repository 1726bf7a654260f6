"""A module in a few words, as the papers write it: "3x3 64 /2, BN, ReLU"."""

from torch import nn

from plusx.branch import BAM, CBAM, ECA, SE, HybridAttention, NonLocal, Shake
from plusx.parts import Bias, InstanceNorm, NoNorm, Pad
from plusx.residual import Residual
from plusx.zoo.fixup import Scale, Shift
from plusx.zoo.graph import Nodes, Spread
from plusx.zoo.highway import Coupled, Uncoupled
from plusx.zoo.highway_lstm import LastHidden, Memory, Output
from plusx.zoo.mlp import Flat
from plusx.zoo.pyramidnet import PadEnd
from plusx.zoo.recurrent import LSTM, Last
from plusx.zoo.shake import TwoPaths
from plusx.zoo.transformer import Attend, First

__all__ = ["describe"]

_SHORT = {
    nn.BatchNorm1d: "BN",
    nn.BatchNorm2d: "BN",
    nn.BatchNorm3d: "BN",
    nn.GroupNorm: "GN",
    nn.LayerNorm: "LN",
    InstanceNorm: "IN",
    NoNorm: "",
    Bias: "+b",
    nn.Identity: "identity",
    nn.Tanh: "tanh",
    nn.Flatten: "",
    Flat: "",
    nn.ConstantPad1d: "",
    Nodes: "",
    Spread: "sum over neighbours",
    LSTM: "LSTM",
    Memory: "LSTM cell",
    Output: "output gate",
    Last: "last step",
    LastHidden: "last step",
    First: "class token",
    SE: "SE",
    ECA: "ECA",
    CBAM: "CBAM",
    BAM: "BAM",
    HybridAttention: "hybrid attention",
    NonLocal: "non-local",
    TwoPaths: "two paths",
    Shift: "+b",
    Scale: "*a",
}


def describe(module: nn.Module) -> str:
    """List the layers of `module` in order; a class without a short form by its name.

    >>> from plusx.parts import project
    >>> describe(project(16, 32, stride=2))
    '1x1 32 /2, BN'
    """
    if type(module) in _SHORT:
        return _SHORT[type(module)]
    if isinstance(module, Residual):
        shortcut = describe(module.shortcut).replace("identity", "x")
        return f"{shortcut} + {describe(module.transform)}"
    if isinstance(module, Coupled | Uncoupled):
        gates = "gate" if isinstance(module, Coupled) else "gate and carry gate"
        return f"{describe(module.candidate)}, {gates}"
    if isinstance(module, Shake):
        return f"{describe(module.f)}, twice, shaken"
    children = list(module.children())
    words = [describe(child) for child in children] if children else [_leaf(module)]
    return ", ".join(word for word in words if word)


def _leaf(module: nn.Module) -> str:
    match module:
        case nn.Conv1d() | nn.Conv2d() | nn.Conv3d():
            size = "x".join(map(str, module.kernel_size))
            if isinstance(module, nn.Conv1d):
                size = f"conv{size}"
            stride = _stride(module.stride)
            if 1 != module.groups == module.in_channels:
                return f"{size} depthwise {module.out_channels}{stride}"
            groups = f" in {module.groups} groups" if module.groups != 1 else ""
            return f"{size} {module.out_channels}{stride}{groups}"
        case nn.Linear():
            return f"linear {module.out_features}"
        case nn.MaxPool1d() | nn.MaxPool2d():
            return f"max-pool {module.kernel_size} /{module.stride}"
        case nn.AvgPool2d():
            return f"avg-pool {module.kernel_size} /{module.stride}"
        case (
            nn.AdaptiveAvgPool1d(output_size=1)
            | nn.AdaptiveAvgPool2d(output_size=1)
            | nn.AdaptiveAvgPool3d(output_size=1)
        ):
            return "global avg-pool"
        case nn.AdaptiveAvgPool2d():
            return f"avg-pool to {module.output_size}"
        case nn.Dropout():
            return f"dropout {module.p:g}"
        case Attend():
            return f"attention of {module.heads} heads"
        case PadEnd():
            return f"pad {module.channels} channels"
        case Pad():
            return f"pad {sum(module.padding)} channels /{module.stride}"
        case _:
            return type(module).__name__


def _stride(steps: tuple[int, ...]) -> str:
    """Say " /2", " /1x2x2" where they differ, nothing for 1."""
    words = [str(step) for step in (steps if len(set(steps)) > 1 else steps[:1])]
    return "" if set(steps) == {1} else f" /{'x'.join(words)}"
