"""MobileNetV2 and EfficientNet by hand: Sandler et al. 2018, Tan and Le 2019; tensors by name."""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from reference import State

# stride of the first block of each stage, in the papers' tables
MOBILE = (1, 2, 2, 2, 1, 2, 1)
EFFICIENT = (1, 2, 2, 2, 1, 2, 1)


def norm(x: Tensor, state: State, name: str, *, training: bool, eps: float) -> Tensor:
    mean, var = state[f"{name}.running_mean"], state[f"{name}.running_var"]
    if training:
        mean, var = x.mean((0, 2, 3)), x.var((0, 2, 3), unbiased=False)
    scale = state[f"{name}.weight"] / torch.sqrt(var + eps)
    return x * scale[:, None, None] + (state[f"{name}.bias"] - mean * scale)[:, None, None]


def network(
    x: Tensor,
    state: State,
    *,
    strides: tuple[int, ...],
    act: Callable[[Tensor], Tensor],
    training: bool,
    eps: float = 1e-5,
) -> Tensor:
    def layer(x: Tensor, name: str, *, stride: int = 1) -> Tensor:
        weight = state[f"{name}.conv.weight"]
        groups = x.shape[1] // weight.shape[1]
        x = F.conv2d(x, weight, stride=stride, padding=weight.shape[-1] // 2, groups=groups)
        return norm(x, state, f"{name}.norm", training=training, eps=eps)

    def point(x: Tensor, name: str) -> Tensor:
        weight, bias = state[f"{name}.weight"].flatten(1), state[f"{name}.bias"]
        return x @ weight.T + bias

    x = act(layer(x, "stem", stride=2))
    for place, first in enumerate(strides):
        position = 0
        while True:
            block = f"stages.{place}.{position}"
            here = [
                n
                for n in state
                if n.startswith(f"{block}.") and n.endswith("depthwise.conv.weight")
            ]
            if not here:
                break
            inside = here[0].removesuffix(".depthwise.conv.weight")
            t = act(layer(x, f"{inside}.expand")) if f"{inside}.expand.conv.weight" in state else x
            t = act(layer(t, f"{inside}.depthwise", stride=first if position == 0 else 1))
            if f"{inside}.gate.weigh.reduce.weight" in state:
                squeezed = act(point(t.mean((2, 3)), f"{inside}.gate.weigh.reduce"))
                weights = torch.sigmoid(point(squeezed, f"{inside}.gate.weigh.expand"))
                t = t * weights[:, :, None, None]
            t = layer(t, f"{inside}.project")
            x = x + t if x.shape == t.shape else t
            position += 1
    x = act(layer(x, "head")).mean((2, 3))
    return F.linear(x, state["head.linear.weight"], state["head.linear.bias"])
