"""The graph network by hand, node by node and edge by edge: Kipf and Welling 2016, equation 2."""

from collections.abc import Mapping

import torch
import torch.nn.functional as F
from torch import Tensor

State = Mapping[str, Tensor]


def network(x: Tensor, adjacency: Tensor, state: State, *, training: bool) -> Tensor:
    """x (B, N, F), adjacency (B, N, N); the mean over neighbours as a loop over edges."""
    x = x @ state["stem.linear.weight"][:, :, 0].T + state["stem.linear.bias"]
    degree = adjacency.sum(2) + 1
    for name in dict.fromkeys(".".join(n.split(".")[:3]) for n in state if n[:7] == "stages."):
        turned = x @ state[f"{name}.linear.weight"][:, :, 0].T
        spread = turned / degree[..., None]
        for graph, i, j in adjacency.nonzero().tolist():
            weight = adjacency[graph, i, j] / (degree[graph, i] * degree[graph, j]).sqrt()
            spread[graph, i] += weight * turned[graph, j]
        mean, var = state[f"{name}.norm.running_mean"], state[f"{name}.norm.running_var"]
        if training:
            mean, var = spread.mean((0, 1)), spread.var((0, 1), unbiased=False)
        t = (spread - mean) / torch.sqrt(var + 1e-5)
        x = x + F.relu(t * state[f"{name}.norm.weight"] + state[f"{name}.norm.bias"])
    return F.linear(x.mean(1), state["head.linear.weight"], state["head.linear.bias"])
