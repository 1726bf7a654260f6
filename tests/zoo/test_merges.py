"""The merges of the families: their equations, their inverses, what they refuse."""

import pytest
import torch
from torch import Tensor, nn

from plusx import Residual
from plusx.merge import Concat, Highway, ScalarGate


def drawn(*shape: int) -> Tensor:
    return torch.randn(*shape, dtype=torch.double)


def test_highway_is_the_papers_equation() -> None:
    s, h, gate = drawn(2, 4, 3, 3), drawn(2, 4, 3, 3), drawn(2, 4, 3, 3).sigmoid()
    y = Highway()(s, torch.cat([gate * h, gate], 1))
    assert torch.allclose(y, h * gate + s * (1 - gate), rtol=0, atol=1e-12)  # equation 3
    carry = drawn(2, 4, 3, 3).sigmoid()
    y = Highway()(s, torch.cat([gate * h, 1 - carry], 1))
    assert torch.allclose(y, h * gate + s * carry, rtol=0, atol=1e-12)  # equation 2


def test_highway_along_another_dimension() -> None:
    s, h, gate = drawn(2, 5, 4), drawn(2, 5, 4), drawn(2, 5, 4).sigmoid()
    y = Highway(dim=-1)(s, torch.cat([gate * h, gate], -1))
    assert torch.allclose(y, h * gate + s * (1 - gate), rtol=0, atol=1e-12)


def test_highway_is_linear_in_its_transform() -> None:
    s, one, two = drawn(2, 4), drawn(2, 8), drawn(2, 8)
    mean = (Highway()(s, one) + Highway()(s, two)) / 2
    assert torch.allclose(Highway()(s, (one + two) / 2), mean, rtol=0, atol=1e-12)


def test_concat_is_the_papers_equation() -> None:
    s, t = drawn(2, 4, 3, 3), drawn(2, 2, 3, 3)
    y = Concat()(s, t)
    assert torch.equal(y[:, :4], s) and torch.equal(y[:, 4:], t)
    assert Concat(dim=-1)(drawn(2, 3), drawn(2, 1)).shape == (2, 4)


def test_a_scalar_gate_at_one_adds_and_at_zero_carries() -> None:
    s, t = drawn(2, 4), drawn(2, 4)
    assert torch.equal(ScalarGate().double()(s, t), s + t)
    for closed in (0.0, -0.5):
        assert torch.equal(ScalarGate(closed).double()(s, t), s)


@pytest.mark.parametrize(
    ("merge", "width"),
    [(Highway(), 8), (Concat(), 3), (ScalarGate(0.7), 4), (ScalarGate(-0.7), 4)],
)
def test_inverses(merge: nn.Module, width: int) -> None:
    merge = merge.double()
    s, t = drawn(2, 4, 3, 3), drawn(2, width, 3, 3)
    if isinstance(merge, Highway):
        t[:, 4:] = t[:, 4:].sigmoid()
    assert torch.allclose(merge.inverse(merge(s, t), t), s, rtol=0, atol=1e-10)


@pytest.mark.parametrize(
    ("merge", "width"), [(Highway(), 8), (Concat(), 3), (ScalarGate(), 4), (Concat(), 0)]
)
def test_a_transform_of_zeros_carries_the_shortcut_exactly(merge: nn.Module, width: int) -> None:
    s, t = drawn(2, 4, 3, 3), torch.zeros(2, width, 3, 3, dtype=torch.double)
    y = merge.double()(s, t)
    assert torch.equal(y[:, :4], s)
    assert torch.equal(merge.inverse(y, t), s)


@pytest.mark.parametrize(
    ("merge", "shape", "words"),
    [
        (Highway(), (2, 4, 3, 3), "twice the width"),
        (Highway(), (2, 9, 3, 3), "twice the width"),
        (Highway(), (2, 8, 1, 1), "twice the width"),
        (Concat(), (2, 4, 1, 1), "equal elsewhere"),
        (Concat(), (2, 4, 3), "equal elsewhere"),
        (ScalarGate(), (2, 1, 3, 3), r"but the transform \(2, 1, 3, 3\)"),
    ],
)
def test_wrong_shapes_are_named(merge: nn.Module, shape: tuple[int, ...], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        merge(torch.zeros(2, 4, 3, 3), torch.zeros(shape))


def test_a_unit_that_concatenates_is_undone() -> None:
    unit = Residual(nn.Linear(4, 3), merge=Concat()).double()
    x = drawn(2, 4)
    with torch.no_grad():
        y = unit(x)
        assert torch.equal(unit.merge.inverse(y, unit.transform(x)), x)
