"""The optimizer, its rate, and its randomness."""

import math

import pytest
import torch

from plusx import InputError, create
from plusx.train.config import TrainConfig
from plusx.train.optimize import learning_rate, sgd
from plusx.train.seeds import generator_for, seed_for


def test_weight_decay_spares_norms_and_biases() -> None:
    model = create("resnet8", num_classes=10)
    decayed, spared = sgd(model, TrainConfig(data="digits")).param_groups
    assert decayed["weight_decay"] == 5e-4 and spared["weight_decay"] == 0
    assert {p.dim() for p in decayed["params"]} == {2, 4}
    assert {p.dim() for p in spared["params"]} == {1}
    assert len(decayed["params"]) + len(spared["params"]) == len(list(model.parameters()))


def test_the_cosine_warms_up_and_ends_near_zero() -> None:
    config = TrainConfig(data="digits", warmup=0.1)
    rates = [learning_rate(config, 0.4, step, 100) for step in range(100)]
    assert rates[:10] == pytest.approx([0.04 * (i + 1) for i in range(10)])
    assert rates[10] == 0.4 and rates[99] < 0.001
    assert rates[55] == pytest.approx(0.2)
    assert rates[10:] == sorted(rates[10:], reverse=True)


def test_the_steps_are_at_a_half_and_three_quarters() -> None:
    config = TrainConfig(data="digits", warmup=0.0, schedule="step")
    rates = [learning_rate(config, 1.0, step, 8) for step in range(8)]
    assert rates == pytest.approx([1, 1, 1, 1, 0.1, 0.1, 0.01, 0.01])


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
