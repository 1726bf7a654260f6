"""Residual graph convolutions: y = x + relu(norm(A x W)), with A the graph, given beside x.

Kipf and Welling 2016, "Semi-supervised classification with graph convolutional networks",
arXiv 1609.02907, equation 2 and appendix B; norms and depth: Li et al. 2019, "DeepGCNs: can GCNs go
as deep as CNNs?", arXiv 1904.03751.
"""

from collections.abc import Callable
from functools import partial
from typing import final

import torch
from torch import Tensor, nn

from plusx import parts
from plusx.errors import InputError
from plusx.parts import NODES
from plusx.residual import Residual
from plusx.zoo.network import Family, Network, Options, Range
from plusx.zoo.series import mean_head

__all__ = ["FAMILIES", "GraphTransform", "Graphs", "Spread", "graphs", "normalise", "residual_gcn"]


def normalise(adjacency: Tensor) -> Tensor:
    """Return D^-1/2 (A + I) D^-1/2, with D the sums of the rows of A + I; sparse stays sparse.

    Kipf and Welling 2016, equation 2. (..., N, N), symmetric. Raises `ValueError` for a weight
    below zero, whose root is none.
    """
    nodes = adjacency.shape[-1]
    if adjacency.layout == torch.strided:
        _refuse_negative(adjacency)
        looped = adjacency + torch.eye(nodes, dtype=adjacency.dtype, device=adjacency.device)
        scale = looped.sum(-1).rsqrt()
        return scale[..., :, None] * looped * scale[..., None, :]
    places = torch.arange(nodes, device=adjacency.device)
    ones = torch.ones(nodes, dtype=adjacency.dtype, device=adjacency.device)
    loops = _sparse(torch.stack((places, places)), ones, adjacency.shape)
    given = adjacency.to_sparse_coo().coalesce()
    _refuse_negative(given.values())
    looped = (given + loops).coalesce()
    row, column = looped.indices()
    scale = torch.zeros_like(ones).index_add(0, row, looped.values()).rsqrt()
    values = scale[row] * looped.values() * scale[column]
    return _sparse(looped.indices(), values, looped.shape)


def _refuse_negative(weights: Tensor) -> None:
    if torch.compiler.is_compiling() or weights.is_meta:  # a graph cannot ask for values
        return
    if bool((weights < 0).any()):
        raise InputError(
            f"the adjacency has weights down to {weights.min().item():g}; edges weigh 0 or more: "
            "leave negative ones out, or take their absolute values"
        )


def _sparse(indices: Tensor, values: Tensor, shape: torch.Size) -> Tensor:
    """Return the matrix of `indices`, (2, E), sorted and each of them once."""
    return torch.sparse_coo_tensor(
        indices, values, shape, is_coalesced=True, check_invariants=False
    )


@final
class Spread(nn.Module):
    """y[b, c, i] = sum over j of A[b, i, j] x[b, c, j]: (B, C, N) stays.

    A is (B, N, N), or (N, N) for one graph that all samples have; this one may be sparse.
    """

    def forward(self, x: Tensor, adjacency: Tensor) -> Tensor:
        if adjacency.layout == torch.strided:
            return x @ adjacency.transpose(-2, -1).to(x.dtype)
        columns = x.flatten(0, 1).t().to(adjacency.dtype)  # (N, B C)
        y: Tensor = torch.sparse.mm(adjacency, columns)
        return y.t().reshape(x.shape).to(x.dtype)


@final
class GraphTransform(nn.Module):
    """t = relu(norm(A W x)): (B, in_channels, N), A -> (B, out_channels, N).

    Kipf and Welling 2016, equation 2, with the norm of Li et al. 2019. A is `normalise`d already.
    """

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.linear = nn.Conv1d(in_channels, out_channels, 1, bias=False)
        self.spread = Spread()
        self.norm = nn.BatchNorm1d(out_channels)
        self.act = nn.ReLU()

    def forward(self, x: Tensor, adjacency: Tensor) -> Tensor:
        y: Tensor = self.act(self.norm(self.spread(self.linear(x), adjacency)))
        return y


@final
class Nodes(nn.Module):
    """y = x with its features first: (B, N, F) -> (B, F, N), as norms take them."""

    def forward(self, x: Tensor) -> Tensor:
        return x.transpose(1, 2)


@final
class Graphs(nn.Sequential):
    """Units one after another, each of which sees the normalised adjacency.

    (B, C, N) and (B, N, N), or one (N, N) for all; `ValueError` for another shape or none.
    """

    def forward(self, x: Tensor, *context: Tensor) -> Tensor:
        adjacency = normalise(_checked(x, context))
        for part in self:
            x = part(x, adjacency)
        return x


def _checked(x: Tensor, context: tuple[Tensor, ...]) -> Tensor:
    nodes = x.shape[2]
    if len(context) != 1:
        raise ValueError(f"a graph network takes (x, adjacency), not {len(context)} after x")
    (adjacency,) = context
    shapes = (2, 3) if adjacency.layout == torch.strided else (2,)
    if adjacency.dim() not in shapes or adjacency.shape[-2:] != (nodes, nodes):
        raise ValueError(
            f"the adjacency is {tuple(adjacency.shape)}; features of {nodes} nodes need "
            f"(B, {nodes}, {nodes}), or one ({nodes}, {nodes}) for all, which may be sparse"
        )
    # in float32 at least: under autocast x may be bfloat16, too coarse to count neighbours
    return adjacency.to(torch.promote_types(x.dtype, torch.float32))


def residual_gcn(depth: int) -> Callable[..., Network]:
    """Linear, `depth` units of one graph convolution, mean over nodes, linear.

    Kipf and Welling 2016, appendix B. Returns the builder; `ValueError` for a depth below 1.
    """
    if depth < 1:
        raise InputError(f"a graph network has at least 1 convolution; {depth} is too few")
    return partial(_residual_gcn, depth=depth)


def _residual_gcn(
    *, depth: int, width: int = 64, num_classes: int = 1000, in_channels: int = 3
) -> Network:
    """Features (B, N, in_channels) and their adjacency, logits (B, num_classes)."""
    network = Network(
        stem=parts.sequence(nodes=Nodes(), linear=nn.Conv1d(in_channels, width, 1)),
        stages=Graphs(*(Residual(GraphTransform(width, width)) for _ in range(depth))),
        head=mean_head(width, num_classes),
    )
    parts.he_init(network)
    return network


def graphs(batch: int, in_channels: int, size: int) -> tuple[Tensor, ...]:
    """Return random features (B, N, F) and symmetric adjacencies (B, N, N), four edges a node."""
    edges = torch.rand(batch, size, size).triu(1) < min(1.0, 4 / size)
    adjacency = (edges | edges.transpose(1, 2)).float()
    return torch.randn(batch, size, in_channels), adjacency


_OPTIONS: Options = {"width": Range(1, 8192, whole=True)}

FAMILIES = (
    Family(
        name="residual-gcn",
        paper="Kipf and Welling 2016, Semi-supervised classification with graph convolutional "
        "networks, appendix B",
        year=2016,
        equation="y = x + relu(norm(A x W)), A = D^-1/2 (A + I) D^-1/2",
        good_for="graphs: molecules, networks of people or papers",
        size=18,
        num_classes=2,
        models={f"residual_gcn{depth}": residual_gcn(depth) for depth in (2, 8, 28)},
        sized={"residual_gcn{}": residual_gcn},
        options=_OPTIONS,
        in_channels=7,
        small_size=6,
        inputs=graphs,
        sample="graph of {} nodes with {} features",
        space=NODES,
        without={"init=zero-last": "the transform ends in a ReLU, not in a norm"},
        deviations=(
            "batch norm in each unit and 64 channels, as Li et al. 2019 have them",
            "the paper labels nodes; here the mean over nodes labels the graph",
            "the first layer is linear, so that every graph convolution is a unit",
        ),
    ),
)
