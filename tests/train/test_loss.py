"""Losses against their sums written out, and torch's."""

import math

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from plusx import InputError
from plusx.train.loss import LOSSES, binary_cross_entropy, cross_entropy


def soft(batch: int = 6, classes: int = 4) -> Tensor:
    return torch.rand(batch, classes, dtype=torch.float64).softmax(1)


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_cross_entropy_is_that_of_torch_and_of_the_formula(smoothing: float) -> None:
    logits, labels = torch.randn(6, 4), torch.tensor([0, 1, 2, 3, 1, 1])
    found = cross_entropy(logits, labels, smoothing=smoothing)
    assert found == F.cross_entropy(logits, labels, label_smoothing=smoothing)
    for targets in (F.one_hot(labels, 4).double(), soft()):
        wanted = (1 - smoothing) * targets + smoothing / 4
        expected = -(wanted * logits.double().log_softmax(1)).sum(1).mean()
        found = cross_entropy(logits, targets, smoothing=smoothing)
        assert float(found) == pytest.approx(float(expected), rel=1e-6)


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
@pytest.mark.parametrize("threshold", [0.0, 0.3])
def test_binary_cross_entropy_is_the_sum_written_out(smoothing: float, threshold: float) -> None:
    logits = torch.randn(6, 4)
    targets = soft() * (torch.rand(6, 4) < 0.5)
    total = 0.0
    for row, wanted in zip(logits.tolist(), targets.tolist()):
        for z, share in zip(row, wanted):
            t = float(share > threshold) * (1 - smoothing) + smoothing / 4
            p = 1 / (1 + math.exp(-z))
            total -= t * math.log(p) + (1 - t) * math.log(1 - p)
    found = binary_cross_entropy(logits, targets, smoothing=smoothing, threshold=threshold)
    assert float(found) == pytest.approx(total / 24, rel=1e-5)


def test_both_classes_of_a_mixed_image_are_there() -> None:
    logits = torch.randn(1, 3)
    mixed = binary_cross_entropy(logits, torch.tensor([[0.9, 0.1, 0.0]]))
    assert mixed == F.binary_cross_entropy_with_logits(logits, torch.tensor([[1.0, 1.0, 0.0]]))
    one = binary_cross_entropy(logits, torch.tensor([1]))
    assert one == F.binary_cross_entropy_with_logits(logits, torch.tensor([[0.0, 1.0, 0.0]]))


@pytest.mark.parametrize("name", LOSSES)
def test_the_gradient_is_that_of_finite_differences(name: str) -> None:
    logits, targets = torch.randn(3, 4), soft(3)
    logits.requires_grad_()
    (gradient,) = torch.autograd.grad(LOSSES[name](logits, targets, smoothing=0.1), logits)
    for place in ((0, 0), (1, 2), (2, 3)):
        ends = []
        for shift in (-1e-2, 1e-2):
            moved = logits.detach().clone()
            moved[place] += shift
            ends.append(float(LOSSES[name](moved, targets, smoothing=0.1)))
        assert float(gradient[place]) == pytest.approx((ends[1] - ends[0]) / 2e-2, abs=1e-4)


@pytest.mark.parametrize("name", LOSSES)
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_short_logits_are_summed_in_float32(name: str, dtype: torch.dtype) -> None:
    logits = torch.randn(64, 100).to(dtype)
    for targets in (torch.randint(100, (64,)), torch.rand(64, 100).softmax(1).to(dtype)):
        found = LOSSES[name](logits, targets)
        assert found.dtype == torch.float32
        exact = targets.float() if targets.is_floating_point() else targets
        assert found == LOSSES[name](logits.float(), exact)


@pytest.mark.parametrize("name", LOSSES)
@pytest.mark.parametrize(
    ("logits", "targets", "smoothing", "words"),
    [
        (torch.zeros(2, 3), torch.zeros(3, dtype=torch.int64), 0.0, r"targets \(3,\)"),
        (torch.zeros(2, 3), torch.zeros(2), 0.0, r"targets \(2,\) \(torch.float32\)"),
        (torch.zeros(2, 3), torch.zeros(2, 3, dtype=torch.int64), 0.0, "expected"),
        (torch.zeros(2, 3, 1), torch.zeros(2, dtype=torch.int64), 0.0, r"shape \(2, 3, 1\)"),
        (torch.zeros(2, 3), torch.zeros(2, dtype=torch.int64), 1.0, "smoothing is 1.0"),
    ],
)
def test_wrong_inputs_are_refused(
    name: str, logits: Tensor, targets: Tensor, smoothing: float, words: str
) -> None:
    with pytest.raises(InputError, match=words):
        LOSSES[name](logits, targets, smoothing=smoothing)
