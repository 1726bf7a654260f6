"""Hybrid attention: starts as the identity, costs little, without parts is the plain network."""

from functools import partial

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from plusx import HybridAttention, InputError, Residual, create, summary, units
from plusx.branch import ATTENTION, CBAM, Gated
from plusx.branch.hybrid_parts import (
    ChannelWeights,
    FixedStrength,
    PlaceWeights,
    StrengthOfInput,
    parallel,
    place_first,
)
from plusx.catalog import options_of
from plusx.parts import NODES, VECTOR, pad, small_stem
from plusx.zoo import Network
from plusx.zoo.hybrid import BASIC, BOTTLENECK, Place, hybrid_resnet
from randomise import randomise

HYBRIDS = [name for name in ATTENTION if name.startswith("hybrid")]
SKIPPING = [name for name in HYBRIDS if name != "hybrid-noskip"]
OF_PHOTOGRAPHS = [
    ("hybrid_resnet18", "hybrid", "resnet18"),
    ("resnet18", "hybrid", "resnet18"),
    ("hybrid_resnet50", "hybrid", "resnet50"),
    ("resnet50", "hybrid", "resnet50"),
]
NEITHER = partial(HybridAttention, channel=None, place=None)


def seeded(name: str, **options: str) -> Network:
    torch.manual_seed(7)
    return create(name, num_classes=10, **options)


def params(model: nn.Module, kind: type[nn.Module]) -> int:
    return sum(p.numel() for m in model.modules() if isinstance(m, kind) for p in m.parameters())


@pytest.mark.parametrize("name", SKIPPING)
def test_it_starts_as_the_identity_to_the_bit(name: str) -> None:
    gate = ATTENTION[name]
    assert gate is not None
    x = torch.randn(2, 32, 5, 7, requires_grad=True)
    y = gate(32)(x)
    assert torch.equal(y, x)
    given = torch.randn_like(y)
    (found,) = torch.autograd.grad(y, x, given)
    assert torch.allclose(found, given, rtol=1e-6)


@pytest.mark.parametrize("name", SKIPPING)
def test_what_moves_first_are_the_strengths(name: str) -> None:
    gate = ATTENTION[name]
    assert gate is not None
    module, x = gate(32), torch.randn(4, 32, 6, 6)
    for wanted in ("strength", ""):  # after a step of theirs, all else has a gradient as well
        module.zero_grad()
        (module(x) * torch.randn(32, 1, 1)).sum().backward()
        moving = {n for n, p in module.named_parameters() if p.grad is not None and p.grad.any()}
        assert moving == {n for n, _ in module.named_parameters() if wanted in n}
        with torch.no_grad():
            for parameter in module.parameters():
                parameter -= 0.1 * parameter.grad


@pytest.mark.parametrize("place", [BASIC, BOTTLENECK])
def test_without_both_parts_it_is_the_plain_network_to_the_bit(place: Place) -> None:
    kind = {"transform": "basic" if place is BASIC else "bottleneck"}
    plain = seeded("resnet8", **kind).train()
    torch.manual_seed(7)
    found = hybrid_resnet(
        transform=place, attention=NEITHER, depths=(1, 1, 1), widths=(16, 32, 64), stem_width=16,
        stem=small_stem, shortcut=pad, num_classes=10,
    ).train()  # fmt: skip
    for ours, theirs in zip(found.parameters(), plain.parameters(), strict=True):
        assert torch.equal(ours, theirs)
    x = torch.randn(2, 3, 16, 16)
    assert torch.equal(found(x), plain(x))
    none = seeded("hybrid_resnet8", attention="none", **kind).train()
    assert none.state_dict().keys() == plain.state_dict().keys()
    assert torch.equal(none(x), plain.train()(x))


@pytest.mark.parametrize(
    ("name", "plain"), [("hybrid_resnet8", "resnet8"), ("hybrid_resnet18", "resnet18")]
)
def test_a_network_starts_as_the_plain_one_of_the_same_seed(name: str, plain: str) -> None:
    x = torch.randn(2, 3, 32, 32)
    found, wanted = seeded(name), seeded(plain)
    by_option = seeded(plain, attention="hybrid")
    logits = wanted(x)
    assert torch.equal(found(x), logits) and torch.equal(by_option(x), logits)
    assert found.state_dict().keys() == by_option.state_dict().keys()
    assert len(units(found)) == len(units(wanted))  # attention is no unit


@pytest.mark.parametrize("name", ["seresnet18", "resnetrs50", "efficientnet_b0"])
@pytest.mark.full
def test_it_starts_as_the_identity_where_a_network_draws_its_attention_again(name: str) -> None:
    model = seeded(name, attention="hybrid")
    for gate in (m for m in model.modules() if isinstance(m, HybridAttention)):
        width = gate.parts.channel.weights.expand.out_features
        wide = torch.randn(2, width, 4, 4)
        assert torch.equal(gate(wide), wide)


@pytest.mark.full
@pytest.mark.parametrize(("name", "attention", "plain"), OF_PHOTOGRAPHS)
def test_it_costs_little(name: str, attention: str, plain: str) -> None:
    with torch.device("meta"):
        model, without = create(name, attention=attention), create(plain)
    found, base = summary(model, 224), summary(without, 224)
    assert params(model, ChannelWeights) < 0.01 * base.params
    assert base.params < found.params < 1.02 * base.params
    assert base.macs < found.macs < 1.01 * base.macs
    parts = sum(params(model, kind) for kind in (ChannelWeights, PlaceWeights, StrengthOfInput))
    assert found.params - base.params == parts
    assert found.units == base.units


@pytest.mark.parametrize(
    "depth", [20, *(pytest.param(depth, marks=pytest.mark.full) for depth in (56, 110))]
)
def test_it_costs_little_in_small_networks(depth: int) -> None:
    with torch.device("meta"):
        model = create(f"hybrid_resnet{depth}", num_classes=10)
        without = create(f"resnet{depth}", num_classes=10)
    found, base = summary(model, 32), summary(without, 32)
    assert params(model, ChannelWeights) < 0.01 * base.params
    assert found.params < 1.02 * base.params and found.macs < 1.01 * base.macs


def test_in_a_bottleneck_it_stands_behind_the_3x3() -> None:
    with torch.device("meta"):
        model = create("hybrid_resnet50")
    for unit in units(model):
        names = [name for name, _ in unit.transform.named_children()]
        assert names[5:] == ["act2", "gate", "conv3", "norm3"]
    with torch.device("meta"):
        behind = create("resnet50", attention="hybrid")
    assert all(isinstance(unit.transform, Gated) for unit in units(behind))


def by_hand(x: Tensor, gate: HybridAttention, order: str) -> Tensor:
    """x + x a(x), place by place and channel by channel, from the weights alone."""
    c, p = gate.parts.channel, gate.parts.place
    mean = x.mean((2, 3))
    s_c = torch.tanh(mean @ c.strength.linear.weight[0] + c.strength.linear.bias)
    s_p = torch.tanh(mean @ p.strength.linear.weight[0] + p.strength.linear.bias)

    def channels(x: Tensor) -> Tensor:
        w1, w2 = c.weights.reduce.weight.flatten(1), c.weights.expand.weight.flatten(1)
        largest = x.flatten(2).max(2).values
        w = torch.sigmoid(F.relu(mean @ w1.T) @ w2.T + F.relu(largest @ w1.T) @ w2.T)
        return s_c[:, None, None, None] * w[:, :, None, None]

    def places(x: Tensor) -> Tensor:
        maps = torch.stack([x.mean(1), x.max(1).values], 1)
        z = F.conv2d(maps, p.weights.weigh.conv.weight, padding=3)
        norm = p.weights.weigh.norm
        z = (z - z.mean()) / (z.var(correction=0) + norm.eps).sqrt() * norm.weight + norm.bias
        return s_p[:, None, None, None] * torch.sigmoid(z)

    if order == "parallel":
        a, b = channels(x), places(x)
        return x + x * (a + b + a * b)
    first, second = (channels, places) if order == "channel" else (places, channels)
    x = x + x * first(x)
    return x + x * second(x)


@pytest.mark.parametrize("order", ["channel", "place", "parallel"])
def test_orders_are_those_by_hand(order: str) -> None:
    fusion = {"place": {"fusion": place_first}, "parallel": {"fusion": parallel}}.get(order, {})
    gate = HybridAttention(32, **fusion).double()
    randomise(Residual(gate))
    nn.init.normal_(gate.parts.channel.strength.linear.weight)
    nn.init.normal_(gate.parts.place.strength.linear.weight)
    x = torch.randn(3, 32, 6, 5, dtype=torch.float64)
    assert torch.allclose(gate(x), by_hand(x, gate, order), rtol=1e-10)


def test_without_skip_and_input_it_is_cbam_without_its_biases() -> None:
    gate = HybridAttention(64, strength=FixedStrength, skip=0).double()
    cbam = CBAM(64).double()
    with torch.no_grad():
        cbam.channel.mlp.reduce.weight.copy_(
            gate.parts.channel.weights.reduce.weight[..., None, None]
        )
        cbam.channel.mlp.expand.weight.copy_(
            gate.parts.channel.weights.expand.weight[..., None, None]
        )
        nn.init.zeros_(cbam.channel.mlp.reduce.bias)
        nn.init.zeros_(cbam.channel.mlp.expand.bias)
        cbam.place.weigh.conv.weight.copy_(gate.parts.place.weights.weigh.conv.weight)
    x = torch.randn(2, 64, 5, 5, dtype=torch.float64)
    assert torch.allclose(gate(x), cbam(x), rtol=1e-12)


def test_strengths_follow_the_input_or_do_not() -> None:
    x = torch.randn(5, 16, 4, 4)
    mean = x.mean((2, 3), keepdim=True)
    moving, fixed = StrengthOfInput(16), FixedStrength(16)
    nn.init.normal_(moving.linear.weight)
    nn.init.constant_(fixed.start, 0.3)
    assert moving(mean).shape == (5, 1, 1, 1)
    assert moving(mean).flatten().std() > 0.01
    assert fixed(mean).shape == () and fixed(mean).item() == pytest.approx(0.2913126)
    assert moving(100 * mean).abs().max() <= 1


@pytest.mark.parametrize("name", SKIPPING)
def test_the_factor_is_never_below_zero(name: str) -> None:
    gate = ATTENTION[name]
    assert gate is not None
    module = gate(16)
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.normal_(0, 5)
    x = torch.randn(4, 16, 6, 6)
    assert (module(x) * x >= 0).all()


def test_ablations_have_the_parts_of_their_names() -> None:
    def inside(name: str) -> set[str]:
        gate = ATTENTION[name]
        assert gate is not None
        return {type(part).__name__ for part in gate(16).modules()} - {"HybridAttention"}

    whole = inside("hybrid")
    assert {"ChannelWeights", "PlaceWeights", "StrengthOfInput", "InTurn"} <= whole
    assert "PlaceWeights" not in inside("hybrid-channel")
    assert "ChannelWeights" not in inside("hybrid-spatial")
    static = inside("hybrid-static")
    assert "StrengthOfInput" not in static and "FixedStrength" in static
    assert inside("hybrid-noskip") == whole == inside("hybrid-spatial-first")
    assert inside("hybrid-parallel") == whole - {"InTurn"} | {"Together"}


def test_it_is_offered_where_there_is_something_to_weigh() -> None:
    def offered(name: str) -> list[str]:
        return [value for value in options_of(name)["attention"] if value in HYBRIDS]

    assert offered("resnet1d18") == offered("r3d_18") == offered("densenet121") == HYBRIDS
    assert offered("vit_tiny_patch16_224") == offered("residual_gcn8") == ["hybrid-channel"]
    assert offered("residual_mlp6_64") == []


def test_wrong_calls_say_what_is_right() -> None:
    with pytest.raises(ValueError, match="skip is 2, the share of x that goes past"):
        HybridAttention(16, skip=2)
    with pytest.raises(ValueError, match="neighbouring places"):
        HybridAttention(16, space=NODES)
    with pytest.raises(ValueError, match="taken over places"):
        HybridAttention(16, place=None, space=VECTOR)
    with pytest.raises(InputError, match="6n \\+ 2, which 21 is not"):
        create("hybrid_resnet21")
    with pytest.raises(InputError, match="hybrid-channel"):
        create("resnet20", attention="hybrid_channel")
    with pytest.raises(InputError, match="neighbouring places"):
        create("vit_tiny_patch16_224", attention="hybrid")
