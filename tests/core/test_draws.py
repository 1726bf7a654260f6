"""Weights drawn by name: their variance, their orthogonality, and what stays as it was."""

import math

import pytest
import torch
from torch import nn

from plusx import create
from plusx.parts import conv
from plusx.parts.draws import DRAWS, he, orthogonal, redraw, xavier

LAYERS = {
    "linear": lambda: nn.Linear(300, 200),
    "conv": lambda: conv(64, 96, 3),
    "pointwise": lambda: conv(128, 192, 1),
    "grouped": lambda: conv(64, 128, 3, groups=4),
    "depthwise": lambda: conv(2000, 2000, 3, groups=2000),
    "series": lambda: nn.Conv1d(64, 128, 5),
    "video": lambda: nn.Conv3d(16, 32, 3),
}
FANS = {  # (weights that lead to an output, weights that an input leads to), by hand
    "linear": (300, 200),
    "conv": (64 * 9, 96 * 9),
    "pointwise": (128, 192),
    "grouped": (16 * 9, 32 * 9),
    "depthwise": (9, 9),
    "series": (64 * 5, 128 * 5),
    "video": (16 * 27, 32 * 27),
}


def seeded(number: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(number)


def matrices(layer: nn.Module) -> torch.Tensor:
    """The weights, a matrix (outputs, inputs and places) for each group."""
    weight = layer.get_parameter("weight").detach().double()
    groups = getattr(layer, "groups", 1)
    return weight.reshape(groups, weight.shape[0] // groups, -1)


@pytest.mark.parametrize("kind", LAYERS)
def test_variances_are_those_of_the_papers(kind: str) -> None:
    layer, (fan_in, fan_out) = LAYERS[kind](), FANS[kind]
    weight = layer.weight.detach()
    count = weight.numel()
    close = 5 * math.sqrt(2 / count)  # five standard deviations of a normal sample's variance
    redraw(layer, he, generator=seeded())
    want = 2 / (fan_in if kind == "linear" else fan_out)
    assert float(weight.var()) == pytest.approx(want, rel=close)
    redraw(layer, xavier, generator=seeded())
    assert float(weight.var()) == pytest.approx(2 / (fan_in + fan_out), rel=close)
    bound = math.sqrt(6 / (fan_in + fan_out))
    assert bound * (1 - 50 / count) < float(weight.abs().max()) <= bound * (1 + 1e-6)
    for draw in (he, xavier):
        redraw(layer, draw, generator=seeded())
        assert abs(float(weight.mean())) < 5 * float(weight.std()) / math.sqrt(count)


@pytest.mark.parametrize("kind", LAYERS)
def test_the_fewer_of_rows_and_columns_are_orthogonal_in_each_group(kind: str) -> None:
    layer = LAYERS[kind]()
    redraw(layer, orthogonal, generator=seeded())
    found = matrices(layer) / math.sqrt(2)
    found = found if found.shape[1] <= found.shape[2] else found.mT
    want = torch.eye(found.shape[1], dtype=torch.float64).expand(len(found), -1, -1)
    torch.testing.assert_close(found @ found.mT, want, rtol=0, atol=1e-5)


def test_orthogonal_matrices_are_drawn_evenly() -> None:
    """The first entry of a random unit vector in 3 dimensions is uniform in -1 to 1."""
    layer = conv(3 * 4000, 3 * 4000, 1, groups=4000)
    redraw(layer, orthogonal, generator=seeded())
    entries = matrices(layer).flatten(1)[:, [0, 4, 8]] / math.sqrt(2)
    for place in range(3):
        assert float(entries[:, place].mean()) == pytest.approx(0, abs=5 / math.sqrt(3 * 4000))
        assert float(entries[:, place].square().mean()) == pytest.approx(1 / 3, abs=0.025)
    assert float((entries[:, 0] < -0.5).double().mean()) == pytest.approx(0.25, abs=0.04)


def test_a_deep_chain_of_relus_keeps_its_signal_where_the_factor_is_he_s() -> None:
    """20 layers of 200: He and orthogonal keep the norm, Xavier's halves its square each time."""
    kept = {}
    x = torch.randn(64, 200, generator=seeded(1))
    for name, draw in DRAWS.items():
        chain = nn.Sequential(*(nn.Linear(200, 200, bias=False) for _ in range(20)))
        redraw(chain, draw, generator=seeded())
        y = x
        for layer in chain:
            y = layer(y).relu()
        kept[name] = float((y.square().mean() / x.square().mean()).detach().log2())
    assert abs(kept["he"]) < 3 and abs(kept["orthogonal"]) < 3
    assert kept["xavier"] == pytest.approx(-20, abs=3)


@pytest.mark.parametrize("name", DRAWS)
def test_a_seed_says_it_all_and_the_rest_stays(name: str) -> None:
    def net() -> nn.Sequential:
        torch.manual_seed(3)
        made = nn.Sequential(conv(3, 8, 3), nn.BatchNorm2d(8), nn.Linear(8, 4), conv(8, 8, 1))
        nn.init.zeros_(made[3].weight)
        nn.init.constant_(made[2].bias, -2.0)
        return made

    one, other, third, start = net(), net(), net(), net()
    redraw(one, DRAWS[name], generator=seeded(7))
    torch.manual_seed(7)
    redraw(other, DRAWS[name])  # the global generator
    redraw(third, DRAWS[name], generator=seeded(8))
    changed = set()
    for key, tensor in one.state_dict().items():
        assert torch.equal(tensor, other.state_dict()[key])
        if not torch.equal(tensor, start.state_dict()[key]):
            changed.add(key)
            assert not torch.equal(tensor, third.state_dict()[key])
    assert changed == {"0.weight", "2.weight"}
    redraw(net().to("meta"), DRAWS[name])


@pytest.mark.parametrize("name", ["resnet8", "fixup_resnet20", "highway10", "vit_tiny_patch16_224"])
def test_networks_take_them_by_name(name: str) -> None:
    """Orthogonal is seen in every weight that is drawn; what starts at zero stays there."""
    with torch.random.fork_rng():
        plain = create(name, num_classes=10)
        found = create(name, num_classes=10, init="orthogonal")
    layers = [(n, m) for n, m in found.named_modules() if isinstance(m, nn.Linear | nn.Conv2d)]
    assert len(layers) > 5
    for address, layer in layers:
        start = plain.get_submodule(address).get_parameter("weight")
        if start.any():
            assert float(matrices(layer).square().sum()) == pytest.approx(
                2 * min(matrices(layer).shape[1:]) * len(matrices(layer)), rel=1e-4
            )
        else:
            assert not layer.get_parameter("weight").any()
    assert found.config is not None and found.config.options == {"init": "orthogonal"}
