"""Attributions of pixels against their definitions."""

import pytest
import torch
import torch.nn.functional as F
from foreign_image import Foreign
from torch import Tensor, nn

from plusx import InputError, create
from plusx.explain import guided_backpropagation, integrated_gradients, occlusion

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
