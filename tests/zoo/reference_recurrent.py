"""Recurrent networks by hand, gate by gate and step by step."""

from collections.abc import Mapping

import torch
from torch import Tensor

State = Mapping[str, Tensor]


def linear(x: Tensor, state: State, name: str) -> Tensor:
    y = x @ state[f"{name}.weight"].T
    return y + state[f"{name}.bias"] if f"{name}.bias" in state else y


def residual_lstm(x: Tensor, state: State) -> Tensor:
    """Wu et al. 2016, equations 5 and 6, each layer's output the next one's input."""
    x = linear(x, state, "stem.linear")
    for name in dict.fromkeys(n.rsplit(".", 1)[0] for n in state if n.startswith("stages.")):
        w, u = state[f"{name}.weight_ih"], state[f"{name}.weight_hh"]
        bias = state[f"{name}.bias_ih"] + state[f"{name}.bias_hh"]
        h = c = torch.zeros_like(x[:, 0])
        found = []
        for step in range(x.shape[1]):
            i, f, g, o = (x[:, step] @ w.T + h @ u.T + bias).chunk(4, 1)
            c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
            h = torch.sigmoid(o) * torch.tanh(c)
            found.append(x[:, step] + h)
        x = torch.stack(found, 1)
    return linear(x[:, -1], state, "head.linear")


def residual_rnn(x: Tensor, state: State) -> Tensor:
    """h = h + tanh(W h + U x + b)."""
    h = torch.zeros(len(x), state["stem.linear.bias"].shape[0]).to(x)
    for step in range(x.shape[1]):
        u = linear(x[:, step], state, "stem.linear")
        h = h + torch.tanh(linear(h, state, "stages.0.unit.transform.linear") + u)
    return linear(h, state, "head.linear")


def highway_lstm(x: Tensor, state: State) -> Tensor:
    """Zhang et al. 2015: c = d c_below + f c' + i g; all layers at one step, then the next step."""
    layers = ["stem", *dict.fromkeys(".".join(n.split(".")[:2]) for n in state if n[:3] == "sta")]
    width = state["stem.output.peephole"].shape[0]
    h = [torch.zeros(len(x), width).to(x) for _ in layers]
    c = [torch.zeros(len(x), width).to(x) for _ in layers]
    for step in range(x.shape[1]):
        now = x[:, step]
        for number, layer in enumerate(layers):
            inside = f"{layer}.memory" if number == 0 else f"{layer}.unit.transform.memory"
            see_i, see_f = state[f"{inside}.peephole"].chunk(2)
            gates = linear(now, state, f"{inside}.input") + linear(
                h[number], state, f"{inside}.state"
            )
            i, f, g = gates.chunk(3, 1)
            new = torch.sigmoid(f + see_f * c[number]) * c[number]
            new = new + torch.sigmoid(i + see_i * c[number]) * torch.tanh(g)
            if number:
                see_c, see_below = state[f"{layer}.unit.transform.peephole"].chunk(2)
                d = linear(now, state, f"{layer}.unit.transform.depth_gate")
                d = torch.sigmoid(d + see_c * c[number] + see_below * c[number - 1])
                new = new + d * c[number - 1]
            c[number] = new
            o = linear(now, state, f"{layer}.output.input")
            o = o + linear(h[number], state, f"{layer}.output.state")
            o = torch.sigmoid(o + state[f"{layer}.output.peephole"] * new)
            h[number] = now = o * torch.tanh(new)
    return linear(h[-1], state, "head.linear")
