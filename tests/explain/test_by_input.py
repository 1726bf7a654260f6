"""Attributions of pixels against their definitions."""

import pytest
import torch
import torch.nn.functional as F
from foreign_image import Foreign
from torch import Tensor, nn

from plusx import InputError, create
from plusx.explain import (
    faithfulness,
    grad_cam,
    guided_backpropagation,
    integrated_gradients,
    occlusion,
    score_cam,
)
from plusx.explain.attribution import Method

pytest.importorskip("captum")


def test_integrated_gradients_sum_to_the_difference_of_the_logits() -> None:
    model, images = Foreign().eval(), torch.randn(2, 3, 8, 8)
    found = integrated_gradients(model, images, 1, steps=200)
    with torch.no_grad():
        wanted = (model(images) - model(torch.zeros_like(images)))[:, 1]
    torch.testing.assert_close(found.raw[0].sum((1, 2)).float(), wanted, rtol=2e-2, atol=2e-3)
    assert found.layers == ("image",) and found.maps.shape == (2, 8, 8)


class _Guided(torch.autograd.Function):
    @staticmethod
    def forward(ctx: object, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        return x.relu()

    @staticmethod
    def backward(ctx: object, g: Tensor) -> Tensor:
        (x,) = ctx.saved_tensors
        return g.relu() * (x > 0)


@pytest.mark.parametrize("inplace", [False, True])
def test_guided_backpropagation_goes_through_every_use_of_a_relu(inplace: bool) -> None:
    model, images = Foreign(inplace=inplace), torch.randn(2, 3, 8, 8)
    by_hand = Foreign(inplace=False)
    by_hand.load_state_dict(model.state_dict())
    guided = type("Relu", (nn.Module,), {"forward": lambda self, x: _Guided.apply(x)})()
    by_hand.relu = guided
    for block in by_hand.blocks:
        block.relu = guided
    x = images.clone().requires_grad_()
    by_hand(x)[:, 2].sum().backward()
    found = guided_backpropagation(model, images, 2)
    torch.testing.assert_close(found.raw[0], x.grad.abs().sum(1))
    assert not any(module._backward_hooks for module in model.modules())


def test_guided_backpropagation_of_our_own_networks() -> None:
    found = guided_backpropagation(create("resnet8", num_classes=4), torch.randn(1, 3, 16, 16))
    assert bool(found.maps.any())


def test_occlusion_is_the_fall_of_the_logit() -> None:
    model, images = Foreign().eval(), torch.randn(2, 3, 8, 8)
    found = occlusion(model, images, [0, 3], window=4, stride=4)
    with torch.no_grad():
        whole = model(images)[[0, 1], [0, 3]]
        wanted = torch.zeros(2, 2, 2)
        for row in range(2):
            for column in range(2):
                hidden = images.clone()
                hidden[:, :, 4 * row : 4 * row + 4, 4 * column : 4 * column + 4] = 0
                wanted[:, row, column] = whole - model(hidden)[[0, 1], [0, 3]]
    torch.testing.assert_close(found.raw[0], F.interpolate(wanted[:, None], scale_factor=4.0)[:, 0])
    assert found.grid == (2, 2)
    assert occlusion(model, images, window=4, stride=3).grid == (3, 3)  # the last one cut off


def test_wrong_inputs() -> None:
    model, images = Foreign(), torch.randn(1, 3, 8, 8)
    with pytest.raises(InputError, match="window is 9"):
        occlusion(model, images, window=9)
    with pytest.raises(InputError, match="steps is 0"):
        integrated_gradients(model, images, steps=0)


class _Normed(nn.Module):
    """A network that normalises its input, in place or not."""

    def __init__(self, network: nn.Module, inplace: bool) -> None:
        super().__init__()
        self.network, self.inplace = network, inplace

    def forward(self, x: Tensor) -> Tensor:
        x = x.sub_(0.3).div_(0.2) if self.inplace else (x - 0.3) / 0.2
        return self.network(x)


@pytest.mark.parametrize(
    "method", [integrated_gradients, guided_backpropagation, occlusion, grad_cam, score_cam]
)
def test_a_network_that_writes_over_its_input_is_explained_as_one_that_does_not(
    method: Method,
) -> None:
    network, images = Foreign().eval(), torch.rand(2, 3, 16, 16)
    before = images.clone()
    wanted = method(_Normed(network, inplace=False), images)
    found = method(_Normed(network, inplace=True), images)
    assert torch.equal(images, before) and torch.equal(found.targets, wanted.targets)
    torch.testing.assert_close(found.raw, wanted.raw)
    by_places = [faithfulness(_Normed(network, inplace), wanted) for inplace in (False, True)]
    torch.testing.assert_close(by_places[1].deleted, by_places[0].deleted)


class _Branching(nn.Module):
    """A network that no graph can be drawn of."""

    def __init__(self, *, cut: bool = False) -> None:
        super().__init__()
        self.network, self.cut = Foreign(), cut

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.network(x.detach() if self.cut else x)
        return y if float(y.detach().mean()) < 9 else -y


def test_a_network_that_cannot_be_traced_has_attributions_of_pixels() -> None:
    model, images = _Branching(), torch.randn(2, 3, 16, 16)
    for method in (integrated_gradients, occlusion):
        torch.testing.assert_close(
            method(model, images, 1).raw, method(model.network, images, 1).raw
        )


def test_where_no_gradient_reaches_the_image_it_is_said() -> None:
    with pytest.raises(InputError, match="no gradient of the answer reaches the image"):
        integrated_gradients(_Branching(cut=True), torch.randn(1, 3, 16, 16))
