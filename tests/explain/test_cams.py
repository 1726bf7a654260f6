"""Class activation maps against their formulas, by plain autograd."""

import copy
import math
from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from foreign_image import Foreign
from torch import Tensor, nn

from plusx import InputError, create
from plusx.explain import (
    Attribution,
    eigen_cam,
    grad_cam,
    grad_cam_pp,
    hires_cam,
    layer_cam,
    score_cam,
)
from plusx.explain.places import as_map
from plusx.explain.weights import by_curvature

METHODS = [grad_cam, grad_cam_pp, hires_cam, layer_cam, eigen_cam, score_cam]


def _small() -> nn.Module:
    model = create("resnet8", num_classes=5)
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.running_mean.normal_(0, 0.1)
            module.running_var.uniform_(0.5, 2)
    return model


def _by_hand(model: nn.Module, images: Tensor, targets: list[int]) -> tuple[Tensor, Tensor]:
    """y of the last unit of a resnet8 and its gradient, computed in two halves."""
    model = copy.deepcopy(model).eval()
    *before, last = [block for stage in model.stages for block in stage]
    x = model.stem(images)
    for block in before:
        x = block(x)
    y = last.unit(x).detach().requires_grad_()
    logits = model.head(last.act(y))
    logits[torch.arange(len(images)), targets].sum().backward()
    return y.detach(), y.grad


FORMULAS: dict[Callable[..., Attribution], Callable[[Tensor, Tensor], Tensor]] = {
    grad_cam: lambda y, g: torch.einsum("bc,bchw->bhw", g.mean((2, 3)), y),
    hires_cam: lambda y, g: torch.einsum("bchw,bchw->bhw", g, y),
    layer_cam: lambda y, g: torch.einsum("bchw,bchw->bhw", g.clamp(min=0), y),
}


@pytest.mark.parametrize("method", FORMULAS)
def test_a_map_is_its_formula(method: Callable[..., Attribution]) -> None:
    model, images = _small(), torch.randn(3, 3, 16, 16)
    y, g = _by_hand(model, images, [4, 0, 2])
    found = method(model, images, [4, 0, 2])
    wanted = FORMULAS[method](y, g)
    torch.testing.assert_close(found.raw[0], wanted)
    scaled = wanted.relu()
    scaled = scaled - scaled.amin((1, 2), keepdim=True)
    scaled = scaled / scaled.amax((1, 2), keepdim=True)
    drawn = F.interpolate(scaled[:, None], (16, 16), mode="bilinear")[:, 0]
    drawn = drawn - drawn.amin((1, 2), keepdim=True)
    torch.testing.assert_close(found.maps, drawn / drawn.amax((1, 2), keepdim=True))


def test_grad_cam_pp_is_its_formula_pixel_by_pixel() -> None:
    model, images = _small(), torch.randn(1, 3, 16, 16)
    y, g = _by_hand(model, images, [1])
    wanted = torch.zeros(4, 4)
    for c in range(y.shape[1]):
        w = 0.0
        for p in g[0, c].flatten().tolist():
            below = max(2 * p**2 + float(y[0, c].sum()) * p**3, p**2)
            a = p**2 / (below + 1e-6)
            w += a * max(p, 0.0)
        wanted += w * y[0, c]
    torch.testing.assert_close(grad_cam_pp(model, images, 1).raw[0][0], wanted)


def test_hires_cam_sums_to_the_logit_under_a_linear_head() -> None:
    images = torch.randn(2, 3, 16, 16)
    pool = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(6, 4, bias=False))
    model = nn.Sequential(nn.Conv2d(3, 6, 3, padding=1), nn.ReLU(), pool)
    found = hires_cam(model, images, 2)
    torch.testing.assert_close(found.raw[0].sum((1, 2)), model(images)[:, 2].detach())
    assert found.layers == ("0",)


def test_eigen_cam_is_the_first_component_of_the_covariance() -> None:
    model, images = _small(), torch.randn(2, 3, 16, 16)
    y, _ = _by_hand(model, images, [0, 0])
    for one, raw in zip(y, eigen_cam(model, images).raw[0]):
        rows = one.flatten(1).T
        values, vectors = torch.linalg.eigh(torch.cov(rows.T, correction=0))
        wanted = (rows - rows.mean(0)) @ vectors[:, values.argmax()]
        sign = torch.sign((wanted * rows.sum(1)).sum())
        torch.testing.assert_close(raw.flatten(), sign * wanted, rtol=1e-3, atol=1e-4)


def test_score_cam_is_its_formula_channel_by_channel() -> None:
    model, images = _small(), torch.randn(2, 3, 16, 16)
    y, _ = _by_hand(model, images, [3, 3])
    found = score_cam(model, images, 3)
    model.eval()
    for image, one, raw in zip(images, y, found.raw[0]):
        scores = []
        for channel in one:
            mask = F.interpolate(channel[None, None], (16, 16), mode="bilinear", align_corners=True)
            mask = (mask - mask.min()) / (mask.max() - mask.min() + 1e-8)
            scores.append(float(model(image[None] * mask)[0, 3].detach()))
        weights = torch.tensor(scores).softmax(0)
        torch.testing.assert_close(raw, torch.einsum("c,chw->hw", weights, one))


@pytest.mark.parametrize("method", METHODS)
def test_in_place_and_reused_activations_change_nothing(method: Callable[..., Attribution]) -> None:
    images = torch.randn(2, 3, 12, 12)
    hasty = Foreign(inplace=True)
    clean = Foreign(inplace=False)
    clean.load_state_dict(hasty.state_dict())
    torch.testing.assert_close(method(hasty, images).raw, method(clean, images).raw)


@pytest.mark.parametrize("method", METHODS)
def test_no_trace_is_left(method: Callable[..., Attribution]) -> None:
    model, images = _small().train(), torch.randn(2, 3, 16, 16)
    model.head[-1].weight.grad = torch.ones_like(model.head[-1].weight)
    before = copy.deepcopy(model.state_dict())
    state = torch.get_rng_state()
    with torch.no_grad():
        first = method(model, images)
    assert all(torch.equal(before[key], value) for key, value in model.state_dict().items())
    assert model.training and all(module.training for module in model.modules())
    grads = [p.grad for p in model.parameters() if p.grad is not None]
    assert len(grads) == 1 and bool((grads[0] == 1).all())
    assert torch.equal(state, torch.get_rng_state()) and not images.requires_grad
    assert not any(module._forward_hooks for module in model.modules())
    with torch.inference_mode():
        assert torch.equal(first.maps, method(model, images).maps)


def test_frozen_networks_are_explained_too() -> None:
    model, images = _small(), torch.randn(2, 3, 16, 16)
    free = grad_cam(model, images, 1).maps
    assert torch.equal(grad_cam(model.requires_grad_(False), images, 1).maps, free)


@pytest.mark.parametrize("method", METHODS)
def test_under_autocast_the_maps_are_close(method: Callable[..., Attribution]) -> None:
    model, images = _small(), torch.randn(2, 3, 16, 16)
    exact = method(model, images, 1)
    with torch.autocast("cpu", torch.bfloat16):
        rough = method(model, images, 1)
    assert rough.raw[0].dtype == torch.float32
    assert torch.corrcoef(torch.stack([exact.raw[0].flatten(), rough.raw[0].flatten()]))[0, 1] > 0.9


def test_an_image_is_explained_alike_alone_and_in_a_batch() -> None:
    model, images = _small(), torch.randn(3, 3, 16, 16)
    whole = grad_cam(model, images)
    for index in range(3):
        alone = grad_cam(model, images[index : index + 1])
        torch.testing.assert_close(alone.maps[0], whole.maps[index], rtol=1e-4, atol=1e-5)
        assert alone.targets[0] == whole.targets[index]


def test_several_units_are_averaged_and_kept_each() -> None:
    model, images = _small(), torch.randn(2, 3, 16, 16)
    names = ["stages.0.0.unit", "stages.2.0.unit"]
    both = grad_cam(model, images, 0, unit=names)
    each = [grad_cam(model, images, 0, unit=name) for name in names]
    assert both.layers == tuple(names) and both.raw[0].shape != both.raw[1].shape
    assert torch.equal(both.each, torch.cat([one.each for one in each]))
    mean = both.each.mean(0)
    low, high = mean.amin((1, 2), keepdim=True), mean.amax((1, 2), keepdim=True)
    torch.testing.assert_close(both.maps, (mean - low) / (high - low))


def test_a_module_that_is_no_unit_has_its_output_explained() -> None:
    model, images = _small(), torch.randn(2, 3, 16, 16)
    after = grad_cam(model, images, 0, unit="stages.2")
    before = grad_cam(model, images, 0)
    assert before.layers == ("stages.2.0.unit",)
    assert float(after.raw[0].min()) != float(before.raw[0].min())


@pytest.mark.full
def test_the_layer_chosen_is_one_whose_places_matter() -> None:
    model = create("vit_tiny_patch16_224", num_classes=3)
    found = grad_cam(model, torch.randn(1, 3, 224, 224), 1)
    assert found.raw[0].shape == (1, 14, 14) and bool(found.raw[0].any())


def test_places_of_tokens_and_of_channels_last() -> None:
    grid = torch.arange(12.0).reshape(1, 1, 3, 4).expand(1, 5, 3, 4)
    size = (48, 64)
    rows = torch.cat([torch.zeros(1, 1, 5), grid.flatten(2).transpose(1, 2)], 1)
    for value in (grid, grid.permute(0, 2, 3, 1), rows, rows[:, 1:]):
        found = as_map(value, size)
        assert found is not None and torch.equal(found, grid)
    assert as_map(torch.zeros(1, 5, 1, 1), size) is None
    assert as_map(torch.zeros(1, 5), size) is None
    assert as_map(torch.zeros(1, 7, 5), size) is None


def test_sizes_that_round_are_maps() -> None:
    for side, places in (((40, 224), (2, 7)), ((33, 160), (2, 5)), ((224, 40), (7, 2))):
        maps = as_map(torch.zeros(1, 8, *places), side)
        assert maps is not None and maps.shape == (1, 8, *places)
        last = as_map(torch.zeros(1, *places, 8), side)
        assert last is not None and last.shape == (1, 8, *places)
    assert as_map(torch.zeros(1, 8, 2, 14), (224, 224)) is None
    registers = as_map(torch.zeros(1, 260, 8), (256, 256))
    assert registers is not None and registers.shape == (1, 8, 16, 16)


def test_what_a_result_says() -> None:
    model, images = _small(), torch.randn(2, 3, 16, 16)
    found = grad_cam(model, images, [1, 2])
    model.eval()
    logits = model(images)
    torch.testing.assert_close(found.scores, logits[[0, 1], [1, 2]].detach())
    said = found.to_json()
    assert said["targets"] == [1, 2] and said["layers"] == ["stages.2.0.unit"]
    assert torch.equal(torch.tensor(said["raw"])[0], found.raw[0])
    assert "Grad-CAM at stages.2.0.unit" in found.table()
    assert found.plot(index=1).get_title() == "Grad-CAM: class 2"


def _units_of_vectors() -> nn.Module:
    return nn.Sequential(nn.Flatten(), nn.Linear(48, 5))


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"images": torch.zeros(3, 16, 16)}, "expected \\(batch, channels"),
        ({"images": torch.zeros(1, 3, 16, 16, dtype=torch.uint8)}, "floating point"),
        ({"images": torch.zeros(1, 3, 16, 16).double()}, r"images\.to\(torch\.float32\)"),
        ({"target": 5}, "expected classes from 0 to 4"),
        ({"target": [0, 1, 2]}, "one for each image"),
        ({"target": 0.5}, "one for each image"),
        ({"target": "cat"}, "target is 'cat', expected the number of a class"),
        ({"unit": "stages.2.0.unti"}, "did you mean 'stages.2.0.unit'"),
        ({"unit": "head"}, "expected a map over images of 16x16"),
        (
            {"model": _units_of_vectors(), "images": torch.zeros(1, 3, 4, 4)},
            "--method integrated-grad",
        ),
        ({"model": nn.Conv2d(3, 5, 3)}, "expected logits"),
    ],
)
def test_wrong_inputs(wrong: dict[str, object], says: str) -> None:
    given = {"model": _small(), "images": torch.zeros(2, 3, 16, 16), "target": None, "unit": None}
    given |= wrong
    with pytest.raises(InputError, match=says):
        grad_cam(given["model"], given["images"], given["target"], unit=given["unit"])


def test_grad_cam_pp_has_no_pole_where_values_are_negative() -> None:
    values, gradients = torch.randn(5, 7, 4, 4) - 1, 5 * torch.randn(5, 7, 4, 4)
    weights = by_curvature(values, gradients)[:, :, 0, 0]
    assert bool((weights >= 0).all())
    assert bool((weights <= gradients.relu().sum((2, 3))).all())
    behind = by_curvature(values.relu(), gradients)[:, :, 0, 0]
    assert bool((behind <= gradients.relu().sum((2, 3)) / 2).all())


def test_a_map_that_is_not_finite_is_told_so() -> None:
    model = Foreign()
    nn.init.constant_(model.blocks[3].conv2.bias, math.nan)
    for cam in (grad_cam, eigen_cam):
        with pytest.raises(InputError, match=r"is not finite; look at the network: plusx doctor"):
            cam(model, torch.randn(1, 3, 16, 16), 1)
