"""ResNets with learned scales, and Fixup, by hand: tensors by name, no plusx."""

import torch
import torch.nn.functional as F
from torch import Tensor

from reference import State, basic, norm, pad


def blocks(state: State) -> list[str]:
    return list(dict.fromkeys(".".join(n.split(".")[:3]) for n in state if "stages." in n))


def stride_of(block: str) -> int:
    _, stage, position = block.split(".")
    return 2 if stage != "0" and position == "0" else 1


def biased(x: Tensor, state: State, name: str, *, stride: int = 1) -> Tensor:
    weight, bias = state[f"{name}.weight"], state.get(f"{name}.bias")
    return F.conv2d(x, weight, bias, stride=stride, padding=weight.shape[-1] // 2)


def scaled(x: Tensor, state: State, *, training: bool) -> Tensor:
    """He et al. 2015, section 4.2, with y = relu(s + a t), or y = relu(s + relu(k) t)."""
    bare = "stem.norm.weight" not in state  # SkipInit
    x = biased(x, state, "stem.conv")
    x = F.relu(x if bare else norm(x, state, "stem.norm", training=training))
    for block in blocks(state):
        stride, inside = stride_of(block), f"{block}.unit.transform"
        if bare:
            t = F.relu(biased(x, state, f"{inside}.conv1", stride=stride))
            t = biased(t, state, f"{inside}.conv2")
        else:
            t = basic(x, state, inside, stride=stride, training=training)
        s = x if x.shape == t.shape else pad(x, channels=t.shape[1], stride=stride)
        if f"{block}.unit.merge.gate" in state:
            t = torch.relu(state[f"{block}.unit.merge.gate"]) * t
        else:
            t = state[f"{block}.unit.merge.scale"] * t
        x = F.relu(s + t)
    return F.linear(x.mean((2, 3)), state["head.linear.weight"], state["head.linear.bias"])


def fixup(x: Tensor, state: State) -> Tensor:
    """Zhang et al. 2019, figure 1 right."""
    large = state["stem.conv.weight"].shape[-1] == 7
    x = F.relu(biased(x, state, "stem.conv", stride=2 if large else 1) + state["stem.shift.bias"])
    if large:
        x = F.max_pool2d(x, 3, stride=2, padding=1)
    for block in blocks(state):
        stride, inside = stride_of(block), f"{block}.unit.transform"
        changes = f"{block}.shift.bias" in state
        first = x + state[f"{block}.shift.bias" if changes else f"{inside}.shift1.bias"]
        deep = f"{inside}.conv3.weight" in state
        t = biased(first, state, f"{inside}.conv1", stride=1 if deep else stride)
        t = F.relu(t + state[f"{inside}.shift2.bias"]) + state[f"{inside}.shift3.bias"]
        t = biased(t, state, f"{inside}.conv2", stride=stride if deep else 1)
        if deep:
            t = F.relu(t + state[f"{inside}.shift4.bias"]) + state[f"{inside}.shift5.bias"]
            t = biased(t, state, f"{inside}.conv3")
        last = "shift6" if deep else "shift4"
        t = state[f"{inside}.scale.scale"] * t + state[f"{inside}.{last}.bias"]
        if not changes:
            s = x
        elif f"{block}.unit.shortcut.weight" in state:
            s = biased(first, state, f"{block}.unit.shortcut", stride=stride)
        else:
            s = pad(first, channels=t.shape[1], stride=stride)
        x = F.relu(s + t)
    x = x.mean((2, 3)) + state["head.shift.bias"]
    return F.linear(x, state["head.linear.weight"], state["head.linear.bias"])
