"""Norms and gates where features lie otherwise than in images: tokens, series, clips, vectors."""

import pytest
import torch
from torch import Tensor, nn

from plusx import create, units
from plusx.branch import GATES, GatedCandidate
from plusx.parts import (
    LINE,
    NODES,
    NORMS,
    VECTOR,
    VOLUME,
    ChannelsLast,
    group_norm,
    instance_norm,
)
from plusx.surgery import exchange_activations, exchange_norms
from plusx.zoo.recurrent import LSTM
from randomise import randomise


def by_hand(x: Tensor, dims: tuple[int, ...]) -> Tensor:
    centred = x - x.mean(dims, keepdim=True)
    return centred / (centred.square().mean(dims, keepdim=True) + 1e-5).sqrt()


def test_norms_of_tokens_keep_their_channels_apart() -> None:
    x = torch.randn(3, 5, 8, dtype=torch.float64)  # (B, N, C)
    grouped = x.unflatten(2, (4, 2))
    wanted = {
        "batch": by_hand(x, (0, 1)),
        "group": by_hand(grouped, (1, 3)).flatten(2),  # the most groups of more than one channel
        "layer": by_hand(x, (2,)),
        "instance": by_hand(x, (1,)),
        "none": x,
    }
    for name, norm in NORMS.items():
        model = nn.Sequential(nn.LayerNorm(8))
        exchange_norms(model, norm.make)
        assert torch.allclose(model.double()(x), wanted[name], atol=1e-12), name


def test_one_place_of_one_sample_can_be_normalised() -> None:
    y = instance_norm(4)(torch.randn(1, 4, 1, 1))
    assert torch.allclose(y, torch.zeros(1, 4, 1, 1), atol=1e-3)


@pytest.mark.parametrize(
    ("width", "groups"), [(64, 32), (512, 32), (16, 8), (12, 4), (7, 1), (1, 1)]
)
def test_groups_divide_the_width_and_have_more_than_one_channel(width: int, groups: int) -> None:
    norm = group_norm(width)
    assert isinstance(norm, nn.GroupNorm) and norm.num_groups == groups


def test_an_lstm_step_by_step_is_the_kernel() -> None:
    class Other(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return x.tanh()

    lstm, x = LSTM(6).double(), torch.randn(3, 7, 6, dtype=torch.float64)
    wanted = lstm(x)
    exchange_activations(lstm, Other)
    assert isinstance(lstm.candidate, Other) and isinstance(lstm.output, Other)
    assert torch.allclose(lstm(x), wanted, rtol=1e-12, atol=1e-14)


def in_plane(gate: nn.Module, plane: nn.Module) -> nn.Module:
    """Give `plane` the weights of a gate of other axes, in the middle row of its kernels."""
    wanted = plane.state_dict()
    for key, tensor in gate.state_dict().items():
        if tensor.dim() == 5:  # of the kernel in time, what sees one frame
            tensor = tensor[:, :, tensor.shape[2] // 2]
        if tensor.dim() < wanted[key].dim():
            wide = torch.zeros_like(wanted[key])
            wide[:, :, wide.shape[2] // 2] = tensor if tensor.dim() == 3 else tensor[:, :, None]
            tensor = wide
        wanted[key] = tensor
    plane.load_state_dict(wanted)
    return plane


@pytest.mark.parametrize("name", GATES)
def test_a_gate_along_time_is_that_of_an_image_one_pixel_high(name: str) -> None:
    gate = GATES[name](32, space=LINE)
    randomise(gate)
    x = torch.randn(3, 32, 7)
    plane = in_plane(gate, GATES[name](32))
    assert torch.allclose(gate(x), plane(x.unsqueeze(2)).squeeze(2), atol=1e-5)
    steps = ChannelsLast(gate)
    assert torch.equal(steps(x.transpose(1, 2)).transpose(1, 2), gate(x))


@pytest.mark.parametrize("name", GATES)
def test_a_gate_of_a_clip_of_one_frame_is_that_of_the_frame(name: str) -> None:
    gate = GATES[name](32, space=VOLUME)
    randomise(gate)
    x = torch.randn(3, 32, 5, 6)
    plane = in_plane(gate, GATES[name](32))
    assert torch.allclose(gate(x.unsqueeze(2)).squeeze(2), plane(x), atol=1e-5)


ORDERLESS = [
    name
    for name in GATES
    if name not in ("cbam", "bam") and (name == "hybrid-channel" or "hybrid" not in name)
]


@pytest.mark.parametrize("name", ORDERLESS)
def test_nodes_and_tokens_have_no_order(name: str) -> None:
    gate = GATES[name](16, space=NODES)
    randomise(gate)
    x, order = torch.randn(2, 16, 6), torch.randperm(6)
    assert torch.allclose(gate(x[:, :, order]), gate(x)[:, :, order], atol=1e-5)


@pytest.mark.parametrize("name", ["se", "eca"])
def test_the_mean_of_a_vector_is_itself(name: str) -> None:
    gate = GATES[name](16, space=VECTOR)
    randomise(gate)
    x = torch.randn(3, 16)
    plane = in_plane(gate, GATES[name](16))
    assert torch.allclose(gate(x), plane(x[:, :, None, None]).flatten(1), atol=1e-6)


def test_the_candidate_of_a_highway_is_gated_and_its_gate_is_not() -> None:
    body = nn.Linear(4, 8)
    gate, x = nn.ReLU(), torch.randn(3, 4)
    candidate, forget = body(x).chunk(2, 1)
    assert torch.equal(GatedCandidate(body, gate)(x), torch.cat((candidate.relu(), forget), 1))
    model = create("highway_conv7", attention="se")
    assert all(isinstance(unit.transform, GatedCandidate) for unit in units(model))
