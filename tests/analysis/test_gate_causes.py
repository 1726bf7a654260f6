"""Importance, complexity, gradient flow and learning of gates against oracles."""

import json
import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from gate_nets import ByMean, Fixed, Means, Place, flat, in_unit
from scipy.stats import spearmanr
from torch import Tensor, nn

from plusx import InputError, create
from plusx.analysis.gate_complexity import complexity, gate_complexity, rank_correlation
from plusx.analysis.gate_flow import gate_flow
from plusx.analysis.gate_importance import gate_importance
from plusx.analysis.gate_learning import Course, gate_learning

IMAGES = flat((5.0, 1.0, 1.0), (1.0, 5.0, 1.0), (6.0, 1.0, 2.0), (1.0, 1.0, 4.0))
LABELS = torch.tensor([0, 1, 0, 2])


def test_importance_is_the_loss_without_the_channel() -> None:
    model = nn.Sequential(Fixed(0.3, 0.9, 0.6), Means())
    found = gate_importance(model, IMAGES, LABELS, shares=(0, 1 / 3, 1), seeds=3, batch=3)
    loss = F.cross_entropy(model(IMAGES), LABELS).item()
    for channel in found.channels:
        thinned = IMAGES.clone()
        thinned[:, channel.index] = 0
        without = F.cross_entropy(model(thinned), LABELS).item()
        assert channel.loss == pytest.approx(without - loss, abs=1e-5)
    assert [channel.weight for channel in found.channels] == pytest.approx([0.3, 0.9, 0.6])
    assert found.weight_ratio == pytest.approx(3)
    losses = [channel.loss for channel in found.channels]
    assert found.agreement == pytest.approx(spearmanr([0.3, 0.9, 0.6], losses).statistic)
    assert found.agreement_interval == (-1, 1)  # three channels tell nothing
    nothing, heaviest, whole = found.kept
    assert whole.by_weight == whole.by_loss == found.accuracy and set(whole.random) == {1.0}
    assert nothing.by_weight == 0.5  # all logits are 0: the first class, of which there are two
    kept = IMAGES * torch.tensor([0, 1, 0])[:, None, None]
    assert heaviest.by_weight == (model(kept).argmax(1) == LABELS).float().mean().item()
    assert "3 seeds" in found.table() and found.plot().lines
    assert json.loads(json.dumps(found.to_json()))["weight_ratio"] == found.weight_ratio


def test_importance_refuses_what_it_cannot_answer() -> None:
    with pytest.raises(InputError, match="weighs spatial, expected one that weighs channels"):
        gate_importance(
            nn.Sequential(nn.Identity(), Place(), Means()), torch.rand(4, 3, 2, 2), LABELS
        )
    with pytest.raises(InputError, match="expected 0 to 1, 1 or more"):
        gate_importance(nn.Sequential(Fixed(1.0, 1.0, 1.0), Means()), IMAGES, LABELS, shares=(2,))


def test_complexity_of_images_worked_out_by_hand() -> None:
    halves = torch.zeros(8, 8)
    halves[:, 4:] = 1
    noise = torch.rand(8, 8).round()
    images = torch.stack([torch.zeros(8, 8), halves, noise])[:, None].expand(-1, 3, -1, -1)
    found = complexity(images)
    assert found["edges"][:2].tolist() == [0, 2 / 8]  # the columns on both sides of the edge
    assert found["entropy"][:2].tolist() == pytest.approx([0, 1])
    assert found["edges"][2] > 0.5 and found["size"][2] > found["size"][1]


def test_rank_correlation_is_scipys_and_its_interval_covers() -> None:
    one, other = np.random.default_rng(0).normal(size=(2, 40))
    assert rank_correlation(one, other)[0] == pytest.approx(spearmanr(one, other).statistic)
    assert math.isnan(rank_correlation(one, np.ones(40))[0])
    assert rank_correlation(one[:3], other[:3])[1:] == (-1, 1)
    r, low, high = rank_correlation(one, -np.exp(one))
    assert (r, low, high) == (pytest.approx(-1), r, pytest.approx(-0.999, abs=1e-3))
    few = np.arange(4.0)
    _, low, high = rank_correlation(few, few[[0, 1, 3, 2]])  # one pair changes places: r = 0.8
    assert rank_correlation(few, few) == pytest.approx((1, low, 1)) and -0.83 < low < high < 1
    rng, covered = np.random.default_rng(1), 0
    truth = 6 / math.pi * math.asin(0.5 / 2)  # Spearman's of a normal pair with Pearson's 0.5
    for _ in range(500):
        a, b = rng.normal(size=(2, 50))
        _, low, high = rank_correlation(a, 0.5 * a + 0.75**0.5 * b)
        covered += low < truth < high
    assert 0.92 < covered / 500 < 0.98


def test_a_gate_that_follows_what_there_is_to_see_is_seen() -> None:
    white = torch.rand(64).argsort()
    images = torch.stack([(white < count).float() for count in range(1, 13)]).view(12, 1, 8, 8)
    found = gate_complexity(nn.Sequential(ByMean(1.0), Means()), images, batch=5)
    rows = {(row.does, row.measure): row for row in found.rows}
    assert rows["strength", "entropy"].r == pytest.approx(1)  # both grow with the white places
    assert rows["distance", "entropy"].r < 1  # far from the mean at both ends
    assert math.isnan(rows["spread", "edges"].r)  # one weight has no spread
    assert "*" in found.table() and found.plot().lines
    assert json.loads(json.dumps(found.to_json()))["count"] == 12
    with pytest.raises(InputError, match="expected 10 or more"):
        gate_complexity(nn.Sequential(ByMean(1.0), Means()), images[:5])


def _norm(gradient: Tensor) -> float:
    return float(gradient.norm())


def test_flow_is_plain_autograd_with_each_way_cut() -> None:
    model = in_unit(ByMean(1.0, -2.0))
    images, labels = torch.randn(5, 2, 3, 3), torch.tensor([0, 1, 1, 0, 1])
    conv, gate = model[0].transform[0], model[0].transform[1]
    row = gate_flow(model, images, labels, batch=2).rows[0]

    def gradient(cut_weights: bool, cut_value: bool) -> float:
        x = images.clone()
        value = conv(x).detach().requires_grad_()
        weights = (value.detach() if cut_weights else value).mean((2, 3), keepdim=True) * gate.scale
        y = x + (value.detach() if cut_value else value) * weights
        (found,) = torch.autograd.grad(F.cross_entropy(y.mean((2, 3)), labels), value)
        return _norm(found)

    assert row.direct == pytest.approx(gradient(True, False), rel=1e-4)
    assert row.weights == pytest.approx(gradient(False, True), rel=1e-4)
    assert row.share == pytest.approx(row.weights / (row.weights + row.direct))

    def at_unit(shortcut: bool) -> float:
        x = images.clone().requires_grad_()
        kept = x if shortcut else x.detach()
        y = kept + model[0].transform(x.detach() if shortcut else x)
        (found,) = torch.autograd.grad(F.cross_entropy(y.mean((2, 3)), labels), x)
        return _norm(found)

    assert row.shortcut == pytest.approx(at_unit(True), rel=1e-4)
    assert row.transform == pytest.approx(at_unit(False), rel=1e-4)
    assert all(parameter.grad is None for parameter in model.parameters())


def test_flow_at_a_gate_of_what_another_has_left_is_split_where_both_look() -> None:
    class Parallel(nn.Module):
        """logits = mean(x c(x) p(x)), c the mean of each channel and p that of each place."""

        def __init__(self) -> None:
            super().__init__()
            self.scales = nn.Parameter(torch.tensor([1.5, -2.0]))

        def forward(self, x: Tensor) -> Tensor:
            first = x * (x.mean((2, 3), keepdim=True) * self.scales[0])
            return (first * (x.mean(1, keepdim=True) * self.scales[1])).mean((2, 3))

    images, labels = torch.randn(5, 2, 3, 3), torch.tensor([0, 1, 1, 0, 1])
    row = gate_flow(Parallel(), images, labels).rows[1]

    def gradient(by_weights: bool) -> float:
        x = images.clone().requires_grad_()
        value, look = (x.detach(), x) if by_weights else (x, x.detach())
        left = value * (value.mean((2, 3), keepdim=True) * 1.5)
        logits = (left * (look.mean(1, keepdim=True) * -2)).mean((2, 3))
        (found,) = torch.autograd.grad(F.cross_entropy(logits, labels), x)
        return _norm(found)

    assert row.direct == pytest.approx(gradient(False), rel=1e-4)
    assert row.weights == pytest.approx(gradient(True), rel=1e-4) and row.weights > 0.01


def test_flow_of_a_network_of_ours_and_without_a_unit() -> None:
    model = create("resnet8", num_classes=10, attention="se")
    found = gate_flow(model, torch.randn(4, 3, 8, 8), torch.arange(4))
    assert all(row.direct > 0 and row.shortcut and row.transform for row in found.rows)
    assert "%" in found.table() and len(found.plot().lines) == 2
    json.dumps(found.to_json())
    alone = gate_flow(nn.Sequential(ByMean(1.0, 1.0, 1.0), Means()), IMAGES, LABELS).rows[0]
    assert alone.gated_share is None and alone.share > 0


def test_learning_is_plain_sgd_on_the_same_batches() -> None:
    model = nn.Sequential(nn.Flatten(), nn.Linear(12, 3))
    found = gate_learning({"one": model, "same": model}, IMAGES, LABELS, steps=3, batch=4, rate=0.1)
    one, same = found.courses
    assert one.losses == same.losses  # the order and the start are the same, the model not changed
    weight = model[1].weight.detach().clone().requires_grad_()
    bias = model[1].bias.detach().clone().requires_grad_()
    speed = [torch.zeros_like(weight), torch.zeros_like(bias)]
    for loss, norm in zip(one.losses, one.gradients):
        by_hand = F.cross_entropy(F.linear(IMAGES.flatten(1), weight, bias), LABELS)
        grads = torch.autograd.grad(by_hand, (weight, bias))
        assert loss == pytest.approx(by_hand.item(), rel=1e-4)
        assert norm == pytest.approx(math.hypot(*map(_norm, grads)), rel=1e-4)
        speed = [0.9 * v + g for v, g in zip(speed, grads)]
        weight, bias = ((p - 0.1 * v).detach().requires_grad_()
                        for p, v in zip((weight, bias), speed))  # fmt: skip
    assert found.target == one.end and one.steps_to(found.target) == 3
    assert "steps to a loss" in found.table() and len(found.plot().lines) == 2
    json.dumps(found.to_json())


def test_steps_are_counted_by_the_mean_of_ten() -> None:
    course = Course("a", tuple([2.0] * 10 + [1.0] * 20), (1.0,) * 30)
    assert course.end == 1 and course.steps_to(1.5) == 15 and course.steps_to(1.0) == 20
    assert course.steps_to(0.5) is None
    with pytest.raises(InputError, match="0 models"):
        gate_learning({}, IMAGES, LABELS)


@pytest.mark.parametrize("kind", [torch.float32, torch.bfloat16])
def test_rounding_is_no_answer(kind: torch.dtype) -> None:
    """Rows of a softmax have the same mean for every image."""
    torch.manual_seed(0)
    model = create("resnet8", num_classes=10, attention="nonlocal").to(kind)
    images = (torch.rand(60, 3, 16, 16) * torch.rand(60, 1, 1, 1)).to(kind)
    rows = gate_complexity(model, images).rows
    assert all(math.isnan(row.r) for row in rows if row.does == "strength")
    if kind == torch.float32:
        assert not any(math.isnan(row.r) for row in rows if row.does == "distance")


def test_flow_is_the_same_within_inference_mode() -> None:
    model, x = create("resnet8", num_classes=10, attention="se"), torch.randn(4, 3, 8, 8)
    wanted = gate_flow(model, x, torch.arange(4))
    with torch.inference_mode():
        assert gate_flow(model, x.clone(), torch.arange(4)) == wanted
