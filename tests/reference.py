"""The papers' blocks by hand, in torch.nn.functional on a dictionary of tensors.

Nothing of plusx is used here: the names of the tensors are all that the two have in common.
"""

from collections.abc import Mapping

import torch
import torch.nn.functional as F
from torch import Tensor

State = Mapping[str, Tensor]


def norm(x: Tensor, state: State, name: str, *, training: bool) -> Tensor:
    """Batch norm, Ioffe and Szegedy 2015, without its running statistics' update."""
    mean, var = state[f"{name}.running_mean"], state[f"{name}.running_var"]
    if training:
        mean, var = x.mean((0, 2, 3)), x.var((0, 2, 3), unbiased=False)
    scale = state[f"{name}.weight"] / torch.sqrt(var + 1e-5)
    shift = state[f"{name}.bias"] - mean * scale
    return x * scale[:, None, None] + shift[:, None, None]


def conv(x: Tensor, state: State, name: str, *, stride: int = 1) -> Tensor:
    weight = state[f"{name}.weight"]
    return F.conv2d(x, weight, stride=stride, padding=weight.shape[-1] // 2)


def basic(x: Tensor, state: State, name: str, *, stride: int, training: bool) -> Tensor:
    """He et al. 2015, figure 5 left."""
    x = conv(x, state, f"{name}.conv1", stride=stride)
    x = F.relu(norm(x, state, f"{name}.norm1", training=training))
    x = conv(x, state, f"{name}.conv2")
    return norm(x, state, f"{name}.norm2", training=training)


def bottleneck(
    x: Tensor, state: State, name: str, *, stride: int, training: bool, first: bool = False
) -> Tensor:
    """He et al. 2015, figure 5 right; `first` puts the stride in the first 1x1."""
    x = conv(x, state, f"{name}.conv1", stride=stride if first else 1)
    x = F.relu(norm(x, state, f"{name}.norm1", training=training))
    x = conv(x, state, f"{name}.conv2", stride=1 if first else stride)
    x = F.relu(norm(x, state, f"{name}.norm2", training=training))
    x = conv(x, state, f"{name}.conv3")
    return norm(x, state, f"{name}.norm3", training=training)


def pad(x: Tensor, *, channels: int, stride: int) -> Tensor:
    """Option A: subsample, zeros on both sides of the channels."""
    y = x.new_zeros(x.shape[0], channels, -(-x.shape[2] // stride), -(-x.shape[3] // stride))
    before = (channels - x.shape[1]) // 2
    y[:, before : before + x.shape[1]] = x[:, :, ::stride, ::stride]
    return y


def network(x: Tensor, state: State, *, training: bool, first: bool = False) -> Tensor:
    """Any ResNet or plain net with the small or the large stem, told by its tensors' names."""
    large = state["stem.conv.weight"].shape[-1] == 7
    x = conv(x, state, "stem.conv", stride=2 if large else 1)
    x = F.relu(norm(x, state, "stem.norm", training=training))
    if large:
        x = F.max_pool2d(x, 3, stride=2, padding=1)
    blocks = dict.fromkeys(".".join(n.split(".")[:3]) for n in state if n.startswith("stages."))
    for block in blocks:
        _, stage, position = block.split(".")
        stride = 2 if stage != "0" and position == "0" else 1
        plain = f"{block}.transform.conv1.weight" in state
        inside = f"{block}.transform" if plain else f"{block}.unit.transform"
        if f"{inside}.conv3.weight" in state:
            t = bottleneck(x, state, inside, stride=stride, training=training, first=first)
        else:
            t = basic(x, state, inside, stride=stride, training=training)
        if plain:
            x = F.relu(t)
            continue
        projection = f"{block}.unit.shortcut"
        if f"{projection}.conv.weight" in state:
            s = conv(x, state, f"{projection}.conv", stride=stride)
            s = norm(s, state, f"{projection}.norm", training=training)
        else:
            s = x if x.shape == t.shape else pad(x, channels=t.shape[1], stride=stride)
        x = F.relu(s + t)
    return F.linear(x.mean((2, 3)), state["head.linear.weight"], state["head.linear.bias"])
