"""ViT by hand, equation by equation, head by head: Dosovitskiy et al. 2020, equations 1 to 4."""

from collections.abc import Mapping

import torch
import torch.nn.functional as F
from torch import Tensor

State = Mapping[str, Tensor]


def linear(x: Tensor, state: State, name: str) -> Tensor:
    return x @ state[f"{name}.weight"].T + state[f"{name}.bias"]


def norm(x: Tensor, state: State, name: str) -> Tensor:
    mean = x.mean(-1, keepdim=True)
    var = (x - mean).square().mean(-1, keepdim=True)
    return (x - mean) / torch.sqrt(var + 1e-6) * state[f"{name}.weight"] + state[f"{name}.bias"]


def attention(x: Tensor, state: State, name: str, *, heads: int) -> Tensor:
    """Vaswani et al. 2017, equation 1: a loop over heads, softmax written out."""
    width = x.shape[-1]
    each = width // heads
    qkv = linear(x, state, f"{name}.qkv")
    found = []
    for head in range(heads):
        q, k, v = (
            qkv[..., part * width + head * each : part * width + (head + 1) * each]
            for part in range(3)
        )
        weights = torch.exp(q @ k.transpose(1, 2) / each**0.5)
        found.append(weights / weights.sum(-1, keepdim=True) @ v)
    return linear(torch.cat(found, -1), state, f"{name}.project")


def network(images: Tensor, state: State, *, heads: int) -> Tensor:
    kernel = state["stem.conv.weight"]
    side = kernel.shape[-1]
    rows = [
        images[:, :, i : i + side, j : j + side].flatten(1) @ kernel.flatten(1).T
        for i in range(0, images.shape[2], side)
        for j in range(0, images.shape[3], side)
    ]
    token = state["stem.token"].expand(len(images), 1, -1)
    x = torch.cat([token, torch.stack(rows, 1) + state["stem.conv.bias"]], 1)
    x = x + state["stem.position"]
    for block in dict.fromkeys(n.split(".")[1] for n in state if n.startswith("stages.")):
        for half in (0, 1):
            name = f"stages.{block}.{half}"
            t = norm(x, state, f"{name}.transform.norm")
            if half == 0:
                t = attention(t, state, f"{name}.transform", heads=heads)
            else:
                inner = linear(t, state, f"{name}.transform.linear1")
                inner = inner * (1 + torch.erf(inner / 2**0.5)) / 2  # exact GELU
                t = linear(inner, state, f"{name}.transform.linear2")
            x = x + state.get(f"{name}.merge.scale", torch.ones(())) * t
    return F.linear(
        norm(x, state, "head.norm")[:, 0], state["head.linear.weight"], state["head.linear.bias"]
    )
