"""What makes gates faster gives what the plain operation gives, and its gradient."""

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from plusx.branch.largest import LargestOfChannels, LargestOfPlaces
from plusx.branch.rows import RowByRow

SHAPES = [(2, 5, 7), (2, 5, 6, 7), (2, 3, 2, 4, 5)]


def ways(shape: tuple[int, ...]) -> list[tuple[nn.Module, tuple[int, ...]]]:
    places = tuple(range(2, len(shape)))
    return [(LargestOfPlaces(places), places), (LargestOfChannels(), (1,))]


def graded(y: Tensor, x: Tensor) -> Tensor:
    weights = torch.arange(y.numel(), dtype=y.dtype).view(y.shape) + 1
    return torch.autograd.grad(y, x, weights)[0]


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("training", [True, False])
def test_the_largest_and_its_gradient_are_those_of_amax(
    shape: tuple[int, ...], training: bool
) -> None:
    x = torch.randn(shape, dtype=torch.float64, requires_grad=True)
    for module, over in ways(shape):
        y, wanted = module.train(training)(x), x.amax(over, keepdim=True)
        assert torch.equal(y, wanted)
        assert torch.equal(graded(y, x), graded(wanted, x))


def test_the_layout_in_memory_changes_nothing() -> None:
    x = torch.randn(2, 5, 6, 7)
    for module, _ in ways(x.shape):
        lasting = x.to(memory_format=torch.channels_last)
        assert torch.equal(module(lasting), module(x))


def test_of_equal_ones_one_gets_the_gradient_in_training_and_all_share_it_in_evaluation() -> None:
    x = torch.zeros(1, 2, 2, 2, requires_grad=True)
    for module, over in ways(x.shape):
        count = 4 if len(over) == 2 else 2
        trained, told = (graded(module.train(t)(x), x) for t in (True, False))
        assert int((trained != 0).sum()) * count == x.numel()
        assert torch.allclose(trained.sum(over), told.sum(over))
        assert int((told != 0).sum()) == x.numel()


@pytest.mark.parametrize(("width", "size"), [(2, 7), (3, 3), (1, 1)])
@pytest.mark.parametrize("side", [(1, 1), (2, 9), (8, 5)])
def test_row_by_row_is_the_convolution(width: int, size: int, side: tuple[int, int]) -> None:
    module = RowByRow(width, kernel_size=size).double()
    x = torch.randn(2, width, *side, dtype=torch.float64, requires_grad=True)
    y, wanted = module(x), F.conv2d(x, module.weight, padding=size // 2)
    assert y.shape == wanted.shape and torch.allclose(y, wanted, atol=1e-12)
    given = torch.randn_like(y)
    for found, expected in zip(
        torch.autograd.grad(y, [x, module.weight], given),
        torch.autograd.grad(wanted, [x, module.weight], given),
    ):
        assert torch.allclose(found, expected, atol=1e-12)


def test_row_by_row_has_the_weights_and_the_start_of_a_convolution() -> None:
    torch.manual_seed(1)
    ours = RowByRow(2, kernel_size=7)
    torch.manual_seed(1)
    theirs = nn.Conv2d(2, 1, 7, padding=3, bias=False)
    assert list(ours.state_dict()) == ["weight"]
    assert torch.equal(ours.weight, theirs.weight)
