"""A module in a few words, as the papers write it: "3x3 64 /2, BN, ReLU"."""

from torch import nn

from plusx.parts import Pad

__all__ = ["describe"]

_SHORT = {
    nn.BatchNorm2d: "BN",
    nn.GroupNorm: "GN",
    nn.LayerNorm: "LN",
    nn.Identity: "identity",
    nn.AdaptiveAvgPool2d: "global avg-pool",
    nn.Flatten: "",
}


def describe(module: nn.Module) -> str:
    """List the layers of `module` in order; a class without a short form by its name.

    >>> from plusx.parts import project
    >>> describe(project(16, 32, stride=2))
    '1x1 32 /2, BN'
    """
    children = list(module.children())
    words = [describe(child) for child in children] if children else [_leaf(module)]
    return ", ".join(word for word in words if word)


def _leaf(module: nn.Module) -> str:
    match module:
        case nn.Conv2d():
            size = "x".join(map(str, module.kernel_size))
            stride = f" /{module.stride[0]}" if module.stride[0] != 1 else ""
            groups = f" in {module.groups}" if module.groups != 1 else ""
            return f"{size} {module.out_channels}{stride}{groups}"
        case nn.Linear():
            return f"linear {module.out_features}"
        case nn.MaxPool2d():
            return f"max-pool {module.kernel_size} /{module.stride}"
        case nn.AvgPool2d():
            return f"avg-pool {module.kernel_size} /{module.stride}"
        case Pad():
            return f"pad {sum(module.padding)} channels /{module.stride}"
        case _:
            return _SHORT.get(type(module), type(module).__name__)
