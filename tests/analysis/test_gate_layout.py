"""Gates of networks that lay out their values otherwise are those of the same network with axes in
their usual places; a gate is in the unit that its product is in."""

import pytest
import torch
from gate_nets import Fixed, Means, Place, flat
from torch import Tensor, nn

from plusx import create
from plusx.analysis.gate_flow import gate_flow
from plusx.analysis.gate_importance import gate_importance
from plusx.analysis.gate_maps import gate_maps
from plusx.analysis.gate_weights import gate_weights
from plusx.analysis.gates import gates
from plusx.explain.gate_beside import beside_grad_cam


class Excited(nn.Module):
    """SE of 6 channels on (B, C, H, W), on (B, H, W, C) or on (B, HW, C)."""

    def __init__(self, layout: str) -> None:
        super().__init__()
        self.layout = layout
        self.inner, self.outer = nn.Linear(6, 3), nn.Linear(3, 6)

    def forward(self, x: Tensor) -> Tensor:
        shape = x.shape
        if self.layout == "tokens":
            x = x.flatten(2).transpose(1, 2)
            y = x * self.weights(x.mean(1))[:, None]
            return y.transpose(1, 2).reshape(shape)
        if self.layout == "last":
            x = x.permute(0, 2, 3, 1)
            return (x * self.weights(x.mean((1, 2)))[:, None, None]).permute(0, 3, 1, 2)
        return x * self.weights(x.mean((2, 3)))[:, :, None, None]

    def weights(self, means: Tensor) -> Tensor:
        found: Tensor = self.outer(self.inner(means).relu()).sigmoid()
        return found


class Tokens(nn.Module):
    """A weight a token (B, HW, 1)."""

    def __init__(self) -> None:
        super().__init__()
        self.score = nn.Linear(6, 1)

    def forward(self, x: Tensor) -> Tensor:
        tokens = x.flatten(2).transpose(1, 2)
        tokens = tokens * self.score(tokens).sigmoid()
        return tokens.transpose(1, 2).reshape(x.shape)


class Pairs(nn.Module):
    """y = x + softmax(q k) x over pairs of channels, or of places."""

    def __init__(self, channels: bool) -> None:
        super().__init__()
        self.channels, self.query = channels, nn.Conv2d(64, 64, 1)

    def forward(self, x: Tensor) -> Tensor:
        q, v = self.query(x).flatten(2), x.flatten(2)
        if self.channels:
            made = torch.bmm(torch.bmm(q, v.transpose(1, 2)).softmax(-1), v)
        else:
            made = torch.bmm(v, torch.bmm(q.transpose(1, 2), v).softmax(-1).transpose(1, 2))
        return x + made.view(x.shape)


def _network(gate: nn.Module, width: int = 6) -> nn.Module:
    torch.manual_seed(1)
    stem = [nn.Conv2d(3, width, 3, padding=1), nn.BatchNorm2d(width), nn.ReLU()]
    return nn.Sequential(*stem, gate, Means())


@pytest.mark.parametrize("layout", ["last", "tokens"])
def test_channels_are_channels_wherever_they_lie(layout: str) -> None:
    usual, other = _network(Excited("first")), _network(Excited(layout))
    other.load_state_dict(usual.state_dict())
    x, y = torch.randn(6, 3, 8, 12), torch.arange(6)
    assert [gate.kind for gate in gates(other, x)] == ["channel"]
    one, two = (gate_weights(model, x, y).gates[0] for model in (usual, other))
    assert two.mean == pytest.approx(one.mean, rel=1e-5)
    one_by_one = [gate_importance(model, x, y, shares=(0.5,), seeds=1) for model in (usual, other)]
    assert [c.loss for c in one_by_one[1].channels] == pytest.approx(
        [c.loss for c in one_by_one[0].channels], abs=1e-6
    )
    assert gate_maps(other, x).maps == {}


def test_a_weight_a_token_is_one_a_place() -> None:
    model, x = _network(Tokens()), torch.randn(3, 3, 8, 12)
    assert [gate.kind for gate in gates(model, x)] == ["spatial"]
    model.eval()
    value = model[:3](x)
    weights = model[3].score(value.permute(0, 2, 3, 1)).sigmoid()[..., 0]
    torch.testing.assert_close(gate_maps(model, x).maps["3"], weights.detach())


def test_pairs_of_channels_have_no_map_of_places() -> None:
    x = torch.randn(4, 3, 8, 8)  # 64 places, as many as channels
    assert [gate.kind for gate in gates(_network(Pairs(channels=True), 64), x)] == ["other axes"]
    assert gate_maps(_network(Pairs(channels=True), 64), x).maps == {}
    found = gate_maps(_network(Pairs(channels=False), 64), x)
    assert [made.shape for made in found.maps.values()] == [(4, 8, 8)]


class Around(nn.Module):
    """y = x + f(x), with a gate on x before the split, on f(x), or on the sum."""

    def __init__(self, place: str) -> None:
        super().__init__()
        self.place, self.gate = place, Place()
        self.f = nn.Sequential(nn.Conv2d(6, 6, 3, padding=1), nn.ReLU(), nn.Conv2d(6, 6, 1))

    def forward(self, x: Tensor) -> Tensor:
        if self.place == "before":
            x = self.gate(x)
        if self.place == "inside":
            return x + self.gate(self.f(x))
        y = x + self.f(x)
        return self.gate(y) if self.place == "behind" else y


@pytest.mark.parametrize(("place", "unit"), [("before", ""), ("inside", "3"), ("behind", "")])
def test_a_gate_is_in_the_unit_that_weighs_by_it(place: str, unit: str) -> None:
    model, x = _network(Around(place)), torch.randn(4, 3, 8, 8)
    assert [(gate.name, gate.unit) for gate in gates(model, x)] == [("3.gate", unit)]
    (row,) = gate_flow(model, x, torch.arange(4)).rows
    assert (row.gated_share is None) == (unit == "")
    (beside,) = beside_grad_cam(model, x, x, 4)
    assert (beside.cams is None) == (unit == "")


def test_streams_weighed_against_one_another_are_a_gate() -> None:
    model = create("dualstream_resnet18", num_classes=4, fusion="gate", after=2)
    found = gates(model, torch.randn(1, 3, 32, 32))
    assert [(gate.name, gate.kind) for gate in found] == [("stages.fusion", "other axes")]


class Keeping(Place):
    """A gate that keeps what it weighed by in a list."""

    def __init__(self) -> None:
        super().__init__()
        self.kept: list[Tensor] = []

    def forward(self, x: Tensor) -> Tensor:
        self.kept.append(x.mean(1, keepdim=True) * self.scale)
        return x * self.kept[-1]


def test_a_list_of_what_was_seen_is_as_before() -> None:
    gate = Keeping()
    model, x = _network(gate), torch.randn(2, 3, 8, 8)
    model(x)
    kept = [*gate.kept]
    assert [each.kind for each in gates(model, x)] == ["spatial"]
    assert len(gate.kept) == 1 and gate.kept[0] is kept[0]


def test_a_value_of_no_place_has_its_channels_behind_the_batch() -> None:
    model, x = nn.Sequential(Fixed(0.3, 0.9), Means()), flat((1.0, 2.0), (3.0, 1.0))
    assert [gate.kind for gate in gates(model, x)] == ["channel"]
