"""Highway networks by hand: Srivastava et al. 2015, equations 2 and 3, on tensors by name."""

import torch
import torch.nn.functional as F
from torch import Tensor

from reference import State


def layer(x: Tensor, state: State, name: str) -> Tensor:
    weight, bias = state[f"{name}.weight"], state[f"{name}.bias"]
    if weight.dim() == 2:
        return F.linear(x, weight, bias)
    return F.conv2d(x, weight, bias, padding=1)


def unit(x: Tensor, state: State, name: str) -> Tensor:
    """y = h T + x C, with C = 1 - T where the gates are coupled."""
    h = F.relu(layer(x, state, f"{name}.transform.candidate.layer"))
    gate = torch.sigmoid(layer(x, state, f"{name}.transform.gate.layer"))
    if f"{name}.transform.forget.layer.weight" in state:
        carry = torch.sigmoid(-layer(x, state, f"{name}.transform.forget.layer"))
        return h * gate + x * carry
    return h * gate + x * (1 - gate)


def dense(x: Tensor, state: State, depth: int) -> Tensor:
    x = F.relu(layer(x.flatten(1), state, "stem.linear"))
    for number in range(depth - 1):
        x = unit(x, state, f"stages.{number}")
    return layer(x, state, "head.linear")


def conv(x: Tensor, state: State) -> Tensor:
    for stage in range(3):
        x = F.relu(layer(x, state, f"stages.{stage}.0.conv"))
        names = {n.rsplit(".transform.")[0] for n in state if f"stages.{stage}." in n}
        for number in range(1, len(names) - 1):  # less the opening's weight and bias
            x = unit(x, state, f"stages.{stage}.{number}")
        if stage < 2:
            x = F.max_pool2d(x, 2)
    return F.linear(x.mean((2, 3)), state["head.linear.weight"], state["head.linear.bias"])
