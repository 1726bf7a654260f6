"""How far to trust a map: deletion and insertion, random weights, noise."""

import copy
import json
import math
from collections.abc import Callable
from dataclasses import replace
from functools import partial

import pytest
import torch
from foreign_image import Foreign
from torch import Tensor, nn

from plusx import InputError, create
from plusx.explain import (
    Attribution,
    Sanity,
    faithfulness,
    grad_cam,
    layer_cam,
    sanity,
    stability,
)


class _Corner(nn.Module):
    """Class 1 is how bright the upper left quarter is: the map that is right is known."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(1, 2, 1, bias=False)
        self.linear = nn.Linear(2, 2, bias=False)
        with torch.no_grad():
            self.conv.weight.copy_(torch.tensor([1.0, 0.5]).reshape(2, 1, 1, 1))
            self.linear.weight.copy_(torch.tensor([[0.0, 0.0], [4.0, 4.0]]))

    def forward(self, x: Tensor) -> Tensor:
        return self.linear(self.conv(x)[:, :, :4, :4].mean((2, 3)))


def _attribution(maps: Tensor) -> Attribution:
    images = torch.zeros(len(maps), 1, 8, 8)
    images[:, :, :4, :4] = 1.0
    targets = torch.ones(len(maps), dtype=torch.long)
    return Attribution("by hand", ("conv",), targets, torch.zeros(len(maps)), images, (maps,))


def test_deletion_and_insertion_are_areas_under_the_curve() -> None:
    right = torch.zeros(1, 8, 8)
    right[:, :4, :4] = 1.0
    found = faithfulness(_Corner(), _attribution(right), steps=4, blank=torch.zeros(1, 1, 8, 8))
    # a quarter of the image at each step: after the first all that matters is gone
    high, low = float(torch.tensor(6.0).sigmoid()), 0.5
    curve = (high, low, low, low, low)
    assert found.deleted[0].tolist() == pytest.approx(curve)
    assert found.inserted[0].tolist() == pytest.approx((low, high, high, high, high))
    assert found.deletion == pytest.approx((high / 2 + 3 * low + low / 2) / 4)
    assert found.insertion == pytest.approx((low / 2 + 3 * high + high / 2) / 4)
    assert found.better_than_chance


def test_a_map_of_the_wrong_place_is_no_better_than_chance() -> None:
    wrong = torch.zeros(1, 8, 8)
    wrong[:, 4:, 4:] = 1.0
    wrong[:, :4, :4] = -1.0
    right = faithfulness(_Corner(), _attribution(-wrong))
    found = faithfulness(_Corner(), _attribution(wrong))
    assert found.deletion > right.deletion and found.insertion < right.insertion
    assert found.to_json()["method"] == "by hand" and "deletion" in found.table()
    assert len(found.plot().lines) == 4


def test_wrong_steps_and_blanks() -> None:
    given = _attribution(torch.rand(1, 8, 8))
    with pytest.raises(InputError, match="steps is 0"):
        faithfulness(_Corner(), given, steps=0)
    with pytest.raises(InputError, match="blank is"):
        faithfulness(_Corner(), given, blank=torch.zeros(1, 1, 4, 4))


def _edges(model: nn.Module, images: Tensor, target: object = None) -> Attribution:
    """A "method" that does not look at the weights."""
    found = grad_cam(model, images, target)
    return replace(found, method="edges", raw=(images.mean(1).diff(dim=1).abs(),))


def test_random_weights_change_grad_cam_and_not_an_edge_detector() -> None:
    model, images = create("resnet8", num_classes=4), torch.randn(3, 3, 32, 32)
    before = copy.deepcopy(model.state_dict())
    blind = sanity(model, images, _edges)
    assert not blind.passed and blind.correlations == pytest.approx([1.0] * len(blind.parts))
    assert "does not pass" in blind.table()
    seeing = sanity(model, images, partial(grad_cam, unit="stages.0.0.unit"))
    assert seeing.parts[0] == "head" and seeing.parts[-1] == "stem"
    assert seeing.correlations[-1] < 0.9
    assert all(torch.equal(before[key], value) for key, value in model.state_dict().items())
    assert seeing.plot().get_xlabel() and seeing.to_json()["passed"] == seeing.passed


def test_the_last_steps_of_the_cascade_are_those_of_the_whole() -> None:
    model, images = create("resnet8", num_classes=4), torch.randn(2, 3, 16, 16)
    whole = sanity(model, images, grad_cam)
    last = sanity(model, images, grad_cam, steps=1)
    assert last.parts == ("stem",) and last.correlations == whole.correlations[-1:]
    some = sanity(model, images, grad_cam, steps=2)
    assert some.parts == ("head", "stem") and some.correlations[1] == whole.correlations[-1]
    twice = sanity(model, images, grad_cam, steps=1, draws=2)
    assert twice.correlations != last.correlations and abs(twice.correlations[0]) <= 1
    assert sanity(model, images, _edges, steps=1, draws=2).correlations == pytest.approx([1.0])
    with pytest.raises(InputError, match="draws is 0"):
        sanity(model, images, grad_cam, draws=0)
    with pytest.raises(InputError, match="steps is 0"):
        sanity(model, images, grad_cam, steps=0)


def test_opposite_maps_are_others_and_the_same_ones_are_not() -> None:
    verdicts = {value: Sanity("m", ("stem",), (value,)).passed for value in (-0.9, 0.1, 0.5)}
    assert verdicts == {-0.9: True, 0.1: True, 0.5: False}


def test_noise_of_no_size_changes_nothing_and_more_noise_changes_more() -> None:
    model, images = create("resnet8", num_classes=4), torch.randn(2, 3, 16, 16)
    still = stability(model, images, layer_cam, noise=0.0, draws=2)
    assert still.correlation == pytest.approx(1.0) and still.change == pytest.approx(0.0)
    small, large = (stability(model, images, layer_cam, noise=n, draws=3) for n in (0.01, 1.0))
    assert small.change < large.change and small.correlation > large.correlation
    assert small == stability(model, images, layer_cam, noise=0.01, draws=3)
    assert "Layer-CAM" in small.table()


def test_a_method_by_name_is_refused_with_what_is_expected() -> None:
    model, images = create("resnet8", num_classes=4), torch.randn(2, 3, 16, 16)
    for check in (sanity, stability):
        with pytest.raises(InputError, match="'grad-cam', expected a function"):
            check(model, images, "grad-cam")  # type: ignore[operator]


def test_wrong_noise() -> None:
    model, images = create("resnet8", num_classes=4), torch.randn(2, 3, 16, 16)
    with pytest.raises(InputError, match="noise is -1"):
        stability(model, images, layer_cam, noise=-1)
    with pytest.raises(InputError, match="draws is 0"):
        stability(model, images, layer_cam, draws=0)


def _dark(model: nn.Module, images: Tensor, target: object = None) -> Attribution:
    """Maps of no place for dark images, and the image itself for others."""
    found = grad_cam(model, images, target)
    return replace(found, method="dark", raw=(images.mean(1).clamp_min(0.0),))


def test_empty_maps_are_no_proof_of_anything() -> None:
    model, dark = create("resnet8", num_classes=2), -torch.rand(2, 3, 16, 16)
    found = sanity(model, dark, _dark, steps=1, draws=2)
    assert found.passed is None and "cannot be told" in found.table()
    json.dumps(found.to_json(), allow_nan=False)
    shaken = stability(model, dark, _dark, noise=0.0)
    assert math.isnan(shaken.correlation)
    json.dumps(shaken.to_json(), allow_nan=False)
    # beside an image with a map they are left out: the blind method is seen through
    both = torch.cat([dark, torch.rand(1, 3, 16, 16)])
    assert sanity(model, both, _dark, steps=1).correlations == pytest.approx([1.0])
    assert stability(model, both, _dark, noise=0.0).correlation == pytest.approx(1.0)


def test_a_map_of_no_place_is_as_good_as_chance() -> None:
    found = faithfulness(_Corner(), _attribution(torch.zeros(2, 8, 8)))
    assert found.costs == found.restores == 0


class _OnTheRoot(nn.Module):
    """All that is learned is a parameter of the network itself."""

    def __init__(self) -> None:
        super().__init__()
        self.filters = nn.Parameter(torch.randn(4, 3, 3, 3))

    def forward(self, x: Tensor) -> Tensor:
        return torch.nn.functional.conv2d(x, self.filters).mean((2, 3))


class _Scaled(_OnTheRoot):
    """A part, and a parameter outside it."""

    def __init__(self) -> None:
        super().__init__()
        self.head = nn.Linear(4, 3)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(super().forward(x))


def _weights(model: nn.Module, images: Tensor, target: object = None) -> Attribution:
    """A "method" that shows the first filter."""
    filters = dict(model.named_parameters())["filters"].detach()
    raw = filters[0].mean(0)[None].expand(len(images), -1, -1)
    targets = torch.zeros(len(images), dtype=torch.long)
    return Attribution("weights", ("",), targets, targets.float(), images, (raw,))


def test_parameters_of_no_part_become_random_last() -> None:
    images = torch.randn(2, 3, 8, 8)
    found = sanity(_Scaled(), images, _weights)
    assert found.parts == ("head", "parameters outside its parts")
    assert found.correlations[0] == pytest.approx(1.0) and found.correlations[1] < 0.99
    assert sanity(_OnTheRoot(), images, _weights).parts == found.parts[1:]
    with pytest.raises(InputError, match="no parameter"):
        sanity(nn.Identity(), images, lambda *_: _weights(_OnTheRoot(), images))


def test_one_logit_has_no_probability() -> None:
    model = nn.Sequential(nn.Flatten(), nn.Linear(64, 1))
    with pytest.raises(InputError, match="one number for an image"):
        faithfulness(model, replace(_attribution(torch.rand(1, 8, 8)), targets=torch.zeros(1)))


def test_noise_is_as_coarse_as_the_places_that_a_map_tells_apart() -> None:
    fine = _attribution(torch.rand(2, 8, 8).round())
    coarse = faithfulness(_Corner(), replace(fine, grid=(3, 3)))
    wanted = faithfulness(_Corner(), replace(fine, raw=(torch.rand(2, 3, 3),)))
    assert torch.equal(coarse.chance_deleted, wanted.chance_deleted)
    assert not torch.equal(coarse.chance_deleted, faithfulness(_Corner(), fine).chance_deleted)


@pytest.mark.filterwarnings("ignore:`torch.nn.utils.weight_norm` is deprecated:FutureWarning")
@pytest.mark.parametrize("norm", [nn.utils.weight_norm, nn.utils.spectral_norm])
def test_a_network_whose_weights_are_made_at_each_pass_can_be_made_random(norm: Callable) -> None:
    model = Foreign()
    model.blocks[1].conv1 = norm(model.blocks[1].conv1)
    images = torch.randn(2, 3, 16, 16)
    model(images)
    found = sanity(model, images, grad_cam, 1)
    assert len(found.correlations) == len(found.parts) and not math.isnan(found.correlations[-1])
