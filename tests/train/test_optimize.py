"""The optimizer's groups and rates, and the run's randomness."""

import math
from typing import Any

import pytest
import torch
from torch import nn

from plusx import InputError, create
from plusx.train.config import TrainConfig
from plusx.train.optimize import optimizer_for, set_rates
from plusx.train.seeds import generator_for, seed_for
from plusx.train.tune import tuning
from plusx.unit import outer_units


def groups(name: str, **settings: object) -> tuple[nn.Module, list[dict[str, Any]]]:
    model = create("resnet8", num_classes=10)
    config = TrainConfig(data="digits", optimizer=name, **settings).following("usual")
    return model, optimizer_for(model, tuning(model, "all"), config).param_groups


@pytest.mark.parametrize("name", ["sgd", "nesterov", "adamw", "lamb", "muon"])
def test_weight_decay_spares_norms_and_biases(name: str) -> None:
    model, found = groups(name)
    for group in found:
        wanted = 5e-4 if group["params"][0].dim() > 1 else 0.0
        assert group["weight_decay"] == wanted
        assert len({p.dim() > 1 for p in group["params"]}) == 1
    assert sum(len(group["params"]) for group in found) == len(list(model.parameters()))
    _, all_decay = groups(name, decayed="all")
    assert {group["weight_decay"] for group in all_decay} == {5e-4}


def test_muon_turns_the_filters_between_stem_and_head() -> None:
    model, found = groups("muon")
    turned = {p for group in found if group["orthogonal"] for p in group["params"]}
    assert turned == {p for p in model.stages.parameters() if p.dim() > 1}


@pytest.mark.parametrize("gate", ["se", "eca", "cbam", "bam", "hybrid"])
def test_muon_leaves_gates_alone(gate: str) -> None:
    model = create("resnet8", num_classes=10, attention=gate)
    config = TrainConfig(data="digits").following("quick")
    made = optimizer_for(model, tuning(model, "all"), config)
    turned = {p for group in made.param_groups if group["orthogonal"] for p in group["params"]}
    bodies = [unit.transform.body for unit in outer_units(model)]
    assert turned == {p for body in bodies for p in body.parameters() if p.dim() > 1}


def test_rates_follow_the_tuning() -> None:
    model = create("resnet8", num_classes=10)
    config = TrainConfig(data="digits").following("usual")
    learning = tuning(model, "layerwise", decay=0.5)
    optimizer = optimizer_for(model, learning, config)
    set_rates(optimizer, learning, 0.4)
    rate_of = {id(p): group["lr"] for group in optimizer.param_groups for p in group["params"]}
    assert rate_of[id(model.head.linear.weight)] == 0.4
    assert rate_of[id(model.stem.conv.weight)] == pytest.approx(0.4 * 0.5**3)


def test_seeds_differ_by_purpose_and_place() -> None:
    places = [(0, "order", 0), (0, "order", 1), (1, "order", 0), (0, "augment", 0), (0, "order0")]
    assert len({seed_for(*place) for place in places}) == len(places)
    assert all(0 <= seed_for(*place) < 2**63 for place in places)
    a, b = (torch.rand(3, generator=generator_for(0, "x")) for _ in range(2))
    assert torch.equal(a, b)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("epochs", 0), ("batch_size", 1), ("learning_rate", 0.0), ("learning_rate", -1.0),
        ("learning_rate", math.nan), ("momentum", 1.0), ("weight_decay", -1.0), ("warmup", 1.5),
        ("label_smoothing", 1.0), ("size", 0), ("workers", -1),
    ],
)  # fmt: skip
def test_numbers_out_of_range_are_refused(name: str, value: float) -> None:
    with pytest.raises(InputError, match=f"{name.replace('_', '-')} is {value}; expected"):
        TrainConfig(data="digits", **{name: value})
