"""Series (one axis) and video (three) by hand, in torch.nn.functional on a dictionary of tensors.

Wang et al. 2016, section II.C; He et al. 2015, table 1; Tran et al. 2017, table 1.
"""

from collections.abc import Mapping

import torch
import torch.nn.functional as F
from torch import Tensor

State = Mapping[str, Tensor]
Stride = int | tuple[int, int, int]


def norm(x: Tensor, state: State, name: str, *, training: bool) -> Tensor:
    """Batch norm over all axes but the channels', without its running statistics' update."""
    axes = [0, *range(2, x.dim())]
    shape = (-1, *(1,) * (x.dim() - 2))
    mean, var = state[f"{name}.running_mean"], state[f"{name}.running_var"]
    if training:
        mean, var = x.mean(axes), x.var(axes, unbiased=False)
    x = (x - mean.view(shape)) / torch.sqrt(var.view(shape) + 1e-5)
    return x * state[f"{name}.weight"].view(shape) + state[f"{name}.bias"].view(shape)


def conv(x: Tensor, state: State, name: str, *, stride: Stride = 1) -> Tensor:
    """Stride first, then k - 1 zeros along each axis, the odd one at the end."""
    weight = state[f"{name}.weight"]
    sides = [side for k in reversed(weight.shape[2:]) for side in ((k - 1) // 2, k // 2)]
    return (F.conv1d if x.dim() == 3 else F.conv3d)(F.pad(x, sides), weight, stride=stride)


def series(x: Tensor, state: State, *, training: bool) -> Tensor:
    if "stem.conv.weight" in state:
        x = norm(conv(x, state, "stem.conv", stride=2), state, "stem.norm", training=training)
        x = F.max_pool1d(F.relu(x), 3, stride=2, padding=1)
    units = dict.fromkeys(n.split(".unit.")[0] for n in state if ".unit." in n)
    for unit in units:
        places = unit.split(".")[1:]
        stride = 2 if len(places) == 2 and places[0] != "0" and places[1] == "0" else 1
        t = x
        for layer in (1, 2, 3):
            if (name := f"{unit}.unit.transform.conv{layer}") + ".weight" in state:
                t = F.relu(t) if layer > 1 else t
                t = conv(t, state, name, stride=stride if layer == 1 else 1)
                t = norm(t, state, f"{unit}.unit.transform.norm{layer}", training=training)
        x = F.relu(_shortcut(x, state, f"{unit}.unit", stride=stride, training=training) + t)
    return F.linear(x.mean(2), state["head.linear.weight"], state["head.linear.bias"])


def _shortcut(x: Tensor, state: State, unit: str, *, stride: Stride, training: bool) -> Tensor:
    if f"{unit}.shortcut.conv.weight" in state:
        s = conv(x, state, f"{unit}.shortcut.conv", stride=stride)
        return norm(s, state, f"{unit}.shortcut.norm", training=training)
    if f"{unit}.shortcut.weight" in state:
        return norm(x, state, f"{unit}.shortcut", training=training)
    return x


def video(x: Tensor, state: State, *, flat: bool, training: bool) -> Tensor:
    """`flat`: stages after the first keep time as it is (MC3)."""
    for number in ("", "1", "2"):
        if f"stem.conv{number}.weight" in state:
            stride: Stride = 1 if number == "2" else (1, 2, 2)
            x = conv(x, state, f"stem.conv{number}", stride=stride)
            x = F.relu(norm(x, state, f"stem.norm{number}", training=training))
    for stage in range(4):
        for unit in range(2):
            name = f"stages.{stage}.{unit}.unit"
            time, space = (1 if flat else 2, 2) if stage and not unit else (1, 1)
            t = x
            for layer, (a, b) in ((1, (time, space)), (2, (1, 1))):
                t = _conv3d(t, state, f"{name}.transform.conv{layer}", a, b, training=training)
                t = norm(t, state, f"{name}.transform.norm{layer}", training=training)
                t = F.relu(t) if layer == 1 else t
            s = _shortcut(x, state, name, stride=(time, space, space), training=training)
            x = F.relu(s + t)
    return F.linear(x.mean((2, 3, 4)), state["head.linear.weight"], state["head.linear.bias"])


def _conv3d(x: Tensor, state: State, name: str, time: int, space: int, *, training: bool) -> Tensor:
    if f"{name}.weight" in state:
        return conv(x, state, name, stride=(time, space, space))
    x = conv(x, state, f"{name}.space", stride=(1, space, space))
    x = F.relu(norm(x, state, f"{name}.norm", training=training))
    return conv(x, state, f"{name}.time", stride=(time, 1, 1))
