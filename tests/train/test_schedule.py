"""Schedules against their formulae and torch's."""

import math

import pytest
import torch

from plusx import InputError
from plusx.train.schedule import SCHEDULES, rate


def rates(name: str, total: int, **options: float) -> list[float]:
    return [rate(name, step=step, total=total, **options) for step in range(total)]


def test_the_cosine_warms_up_and_ends_near_zero() -> None:
    found = rates("cosine", 100, warmup=0.1)
    assert found[:10] == pytest.approx([(i + 1) / 10 for i in range(10)])
    after = [0.5 * (1 + math.cos(math.pi * i / 90)) for i in range(90)]
    assert found[10:] == after  # to the bit
    assert found[10] == 1 and found[99] < 0.001 and found[55] == pytest.approx(0.5)


def test_the_steps_are_at_shares_of_the_whole() -> None:
    assert rates("step", 8) == pytest.approx([1, 1, 1, 1, 0.1, 0.1, 0.01, 0.01])
    found = [
        rate("step", step=s, total=10, warmup=0.2, milestones=(0.3, 0.6, 0.8), factor=0.2)
        for s in range(10)
    ]
    assert found == pytest.approx([0.5, 1, 1, 0.2, 0.2, 0.2, 0.04, 0.04, 0.008, 0.008])
    assert rate("step", step=9, total=10, milestones=()) == 1


@pytest.mark.parametrize(("total", "warmup"), [(100, 0.3), (10, 0.2), (50, 0.5)])
def test_one_cycle_is_that_of_torch(total: int, warmup: float) -> None:
    optimizer = torch.optim.SGD([torch.ones(1, requires_grad=True)], lr=1.0)
    theirs = torch.optim.lr_scheduler.OneCycleLR(
        optimizer,
        max_lr=1.0,
        total_steps=total,
        pct_start=warmup,
        anneal_strategy="linear",
        cycle_momentum=False,
    )
    expected = []
    for _ in range(total):
        expected.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        if len(expected) < total:
            theirs.step()
    assert rates("one-cycle", total, warmup=warmup) == pytest.approx(expected, rel=1e-9)


def test_linear_and_constant() -> None:
    assert rates("linear", 6, warmup=1 / 3) == pytest.approx([0.5, 1, 1, 0.75, 0.5, 0.25])
    assert rates("constant", 4, warmup=0.5) == [0.5, 1, 1, 1]


@pytest.mark.parametrize("name", SCHEDULES)
@pytest.mark.parametrize("warmup", [0.0, 0.01, 0.5, 1.0])
@pytest.mark.parametrize("total", [1, 2, 7])
def test_every_schedule_stays_between_zero_and_the_peak(
    name: str, warmup: float, total: int
) -> None:
    found = rates(name, total, warmup=warmup)
    assert all(0 < multiple <= 1 for multiple in found)
    top = found.index(max(found))
    assert found == sorted(found[:top]) + sorted(found[top:], reverse=True)


@pytest.mark.parametrize(
    ("name", "options", "words"),
    [
        ("cosin", {"step": 0, "total": 1}, "did you mean 'cosine'"),
        ("cosine", {"step": 5, "total": 5}, "step is 5 of 5, expected one from 0 to 4"),
        ("cosine", {"step": -1, "total": 5}, "step is -1 of 5"),
        ("cosine", {"step": 0, "total": 5, "warmup": 1.5}, "warmup is 1.5, expected a share"),
    ],
)
def test_wrong_inputs_are_refused(name: str, options: dict[str, float], words: str) -> None:
    with pytest.raises(InputError, match=words):
        rate(name, **options)
