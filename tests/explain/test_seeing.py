"""Feature visualisation: spectra and motions in closed form, channels whose best image is known."""

import math
from dataclasses import replace

import pytest
import torch
from torch import Tensor, nn

from explain_samples import SPEC, decided, images, looked
from plusx import InputError, create, units
from plusx.data import InputSpec
from plusx.explain import Motion, excite, extremes, features, filters
from plusx.explain.moved import moved
from plusx.explain.spectrum import image_of, noise
from plusx.report.explain import build

STILL = Motion(shift=0.0, scale=1.0, turn=0.0)


def _spec(channels: int, size: int) -> InputSpec:
    return InputSpec(("a", "b"), channels, size, size, (0.5,) * channels, (0.25,) * channels)


def test_a_coefficient_is_a_wave_weighed_by_its_length() -> None:
    height, width, k = 6, 8, 2
    coefficients = torch.zeros(1, 1, height, width // 2 + 1, 2)
    assert bool((image_of(coefficients, (height, width)) == 0.5).all())
    coefficients[0, 0, 0, k, 0] = 3.0
    x = torch.arange(width)
    wave = (
        2 * (3.0 * width / k) * torch.cos(2 * math.pi * k * x / width) / math.sqrt(height * width)
    )
    found = image_of(coefficients, (height, width))[0, 0].logit()
    torch.testing.assert_close(found, (0.25 * wave).expand(height, width), rtol=1e-4, atol=1e-5)


def test_the_first_direction_of_colour_is_light() -> None:
    coefficients = torch.zeros(1, 3, 4, 3, 2)
    coefficients[0, 0, 0, 0, 0] = 1.0
    red, green, blue = image_of(coefficients, (4, 4))[0].logit().mean((1, 2)).tolist()
    assert green == pytest.approx(blue) and red / green == pytest.approx(0.26 / 0.27, rel=1e-4)
    coefficients = noise(5, 3, (16, 16), torch.Generator().manual_seed(0))
    assert coefficients.shape == (5, 3, 16, 9, 2) and 0.009 < float(coefficients.std()) < 0.011


def _slopes(size: tuple[int, int], motion: Motion) -> Tensor:
    """How fast ramps across and down rise in the middle of moved images, (B, ramps, x and y)."""
    height, width = size
    across = torch.arange(width).float().expand(height, width)
    down = torch.arange(height).float()[:, None].expand(height, width)
    ramps = torch.stack([across, down]).expand(8, -1, -1, -1)
    found = moved(ramps, motion, torch.Generator().manual_seed(2))
    row, column = height // 2, width // 2
    here = found[:, :, row, column]
    return torch.stack(
        [found[:, :, row, column + 1] - here, found[:, :, row + 1, column] - here], 2
    )


@pytest.mark.parametrize("size", [(32, 32), (24, 40)])
def test_a_motion_turns_and_scales_by_no_more_than_it_says(size: tuple[int, int]) -> None:
    slopes = _slopes(size, Motion(shift=0.05, scale=1.2, turn=15.0))
    across, down = slopes.unbind(1)
    # a turn with one scale: both ramps rise by the scale, at a right angle
    torch.testing.assert_close(across.norm(dim=1), down.norm(dim=1), rtol=1e-3, atol=1e-3)
    torch.testing.assert_close((across * down).sum(1), torch.zeros(8), rtol=0, atol=1e-3)
    scale, angle = across.norm(dim=1), torch.atan2(across[:, 1], across[:, 0]).rad2deg().abs()
    assert bool((scale <= 1.2).all() and (scale >= 1 / 1.2).all() and (angle <= 15.0).all())
    assert float(scale.std()) > 0.02 and float(angle.max()) > 5


def test_no_motion_is_the_image_itself() -> None:
    x = torch.randn(2, 3, 8, 8)
    assert moved(x, STILL, torch.Generator()) is x
    with pytest.raises(InputError, match="a scale from 1 on"):
        Motion(scale=0.5)


def test_what_excites_a_detector_of_red_is_red() -> None:
    model = nn.Sequential(nn.Conv2d(3, 2, 1, bias=False), nn.ReLU())
    with torch.no_grad():
        model[0].weight.copy_(torch.tensor([[1.0, -1, -1], [-1, -1, 1]]).reshape(2, 3, 1, 1))
    at = [("0", 0), ("0", 1)]
    found = excite(model, at, spec=_spec(3, 8), steps=150, rate=0.2)
    red, blue = found.images.mean((2, 3))
    assert red[0] > 0.6 and red[1] < 0.15 and red[2] < 0.15
    assert blue[2] > 0.6 and blue[0] < 0.15 and blue[1] < 0.15
    wanted = model[0]((found.images - 0.5) / 0.25).mean((2, 3)).diagonal()
    torch.testing.assert_close(found.values, wanted.detach(), rtol=1e-4, atol=1e-5)
    assert bool((found.values > found.before).all())


def test_what_excites_a_detector_of_stripes_are_its_stripes() -> None:
    wave = torch.cos(2 * math.pi * torch.arange(8) / 4)
    model = nn.Sequential(nn.Conv2d(1, 1, 8, bias=False), nn.ReLU())
    with torch.no_grad():
        model[0].weight.copy_(wave.expand(8, 8)[None, None] / 8)
    found = excite(model, [("1", 0)], spec=_spec(1, 16), steps=150, motion=STILL)
    power = torch.fft.rfft2(found.images[0, 0] - found.images.mean()).abs()
    row, column = divmod(int(power.argmax()), power.shape[1])
    assert (row, column) == (0, 4)  # four waves across 16 pixels, none down
    said = found.table().splitlines()
    assert said[0].split() == ["layer", "channel", "to", "noise", "to", "the", "image"]
    assert found.plot()[0].get_title() == "1: 0" and found.to_json()["at"] == [["1", 0]]


def test_excitement_leaves_no_trace() -> None:
    model = create("resnet8", num_classes=3).train()
    before = {key: value.clone() for key, value in model.state_dict().items()}
    state = torch.get_rng_state()
    first = excite(model, [("stages.1", 2)], spec=SPEC, steps=3)
    assert all(torch.equal(before[key], value) for key, value in model.state_dict().items())
    assert model.training and all(p.grad is None for p in model.parameters())
    assert torch.equal(state, torch.get_rng_state())
    assert torch.equal(first.images, excite(model, [("stages.1", 2)], spec=SPEC, steps=3).images)


@pytest.mark.parametrize(
    ("at", "says"),
    [
        ([], "no channel was given"),
        ([("stages.9", 0)], "no layer 'stages.9'"),
        ([("stages.1", 32)], "no channel 32, expected 0 to 31"),
        ([("head", 0)], "expected a map over images of 16x16"),
    ],
)
def test_wrong_channels(at: list[tuple[str, int]], says: str) -> None:
    with pytest.raises(InputError, match=says):
        excite(create("resnet8", num_classes=3), at, spec=SPEC, steps=1)


def test_extremes_of_a_detector_of_light_are_in_the_order_of_light() -> None:
    model = nn.Conv2d(1, 1, 1)
    with torch.no_grad():
        model.weight.fill_(2.0)
        model.bias.fill_(1.0)
    light = torch.tensor([0.3, 0.9, -0.5, 0.1])
    x = light[:, None, None, None].expand(-1, 1, 4, 4)
    found = extremes(nn.Sequential(model), x, [("0", 0)], names=list("abcd"))
    assert found.strongest(0, 2) == [1, 0] and found.weakest(0, 3) == [2, 3, 0]
    torch.testing.assert_close(found.values[:, 0], 2 * light + 1)
    assert "b, a, d" in found.table() and len(found.plot(count=2)) == 4
    with pytest.raises(InputError, match="2 names for 4"):
        extremes(nn.Sequential(model), x, [("0", 0)], names=["a", "b"])


def test_filters_are_the_weights_in_a_mosaic() -> None:
    model = nn.Sequential(nn.Conv2d(1, 3, 2, bias=False), nn.ReLU())
    with torch.no_grad():
        model[0].weight.copy_(torch.arange(12.0).reshape(3, 1, 2, 2) - 4)
    found = filters(model)
    sheet = found.mosaic(columns=2)
    assert found.layer == "0" and sheet.shape == (1, 5, 5)
    torch.testing.assert_close(sheet[0, :2, :2], torch.tensor([[0.0, 0.125], [0.25, 0.375]]))
    torch.testing.assert_close(sheet[0, 3:, :2], 0.5 + (torch.arange(4.0).reshape(2, 2) + 4) / 14)
    assert bool((sheet[0, 2] == 1).all() and (sheet[0, 3:, 3:] == 1).all())
    assert "3 filters of 2x2" in found.plot().get_title()
    with pytest.raises(InputError, match="no convolution over 1 or 3"):
        filters(nn.Linear(2, 2))


def test_the_channels_shown_are_those_that_spoke_most() -> None:
    found, shown = looked(), images(2)
    layers = [layer for layer, _ in found.excited.at]
    assert layers == ["stages.0.0.unit", "stages.1.0.unit", "stages.2.0.unit"]
    torch.manual_seed(3)
    model = create("resnet8", num_classes=3).eval()
    y = model.stages[:2](model.stem(shown.x))
    y = model.stages[2][0].unit(y).detach().requires_grad_()
    logits = model.head(model.stages[2][0].act(y))
    logits.amax(1).sum().backward()
    spoke = (y * y.grad).sum((2, 3)).mean(0).detach()
    assert found.excited.at[2][1] == int(spoke.argmax())
    assert float(found.weights[2]) == pytest.approx(float(spoke.max()), rel=1e-4)
    assert decided().images.names == shown.names and found.extremes.values.shape == (6, 3)
    with pytest.raises(InputError, match="channels is 0"):
        features(model, shown, shown, channels=0)


def test_within_inference_mode_it_is_the_same() -> None:
    model, at = create("resnet8", num_classes=3), [("stages.1", 2)]
    outside = excite(model, at, spec=SPEC, steps=2)
    with torch.inference_mode():
        inside = excite(model, at, spec=SPEC, steps=2)
    assert torch.equal(inside.images, outside.images)


def test_networks_of_bf16_are_given_bf16() -> None:
    model = create("resnet8", num_classes=3).bfloat16()
    found = features(model, images(4), images(1), channels=1, steps=1)
    assert bool(found.excited.values.isfinite().all()) and found.excited.images.shape[0] == 3
    assert found.extremes.values.shape == (4, 3)


class _Twice(nn.Module):
    """Two sums in one module: units that are numbered."""

    def __init__(self) -> None:
        super().__init__()
        self.one, self.two = nn.Conv2d(4, 4, 3, padding=1), nn.Conv2d(4, 4, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.one(x)
        return x + self.two(x).relu()


def _twice() -> nn.Module:
    head = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 3))
    return nn.Sequential(nn.Conv2d(3, 4, 3, padding=1), _Twice(), head)


def test_units_that_share_a_module_are_that_module() -> None:
    model = _twice()
    numbered = [unit.name for unit in units(model, images(1).x)]
    assert numbered == ["1:1", "1:2"]
    found = features(model, images(2), images(1), layers=numbered, channels=2, steps=1)
    assert [layer for layer, _ in found.excited.at] == ["1", "1"]
    with pytest.raises(InputError, match="no layer '7'"):
        features(model, images(2), images(1), layers=["7:1"], steps=1)


def test_channels_are_those_of_the_class_that_is_asked_for() -> None:
    model = nn.Sequential(
        nn.Conv2d(3, 3, 1), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(3, 3)
    )
    with torch.no_grad():
        model[0].weight.zero_()
        model[0].bias.fill_(1.0)
        model[4].weight.copy_(torch.eye(3))
    for target in range(3):
        found = features(
            model, images(2), images(2), [target] * 2, layers=["0"], channels=1, steps=1
        )
        assert found.excited.at == (("0", target),)


class _Silent(nn.Module):
    """A detector of red behind a ReLU, which grey does not reach."""

    def __init__(self, bias: float) -> None:
        super().__init__()
        self.conv, self.relu = nn.Conv2d(3, 1, 1), nn.ReLU()
        with torch.no_grad():
            self.conv.weight.copy_(torch.tensor([1.0, 0, 0]).view(1, 3, 1, 1))
            self.conv.bias.fill_(bias)

    def forward(self, x: Tensor) -> Tensor:
        return self.relu(self.conv(x)).mean((2, 3))


def test_a_channel_that_a_relu_keeps_silent_on_grey_is_excited() -> None:
    found = excite(_Silent(-0.5), [("relu", 0)], spec=_spec(3, 16), steps=128)
    assert found.found(0) and float(found.values) > 10 * float(found.before)
    assert float(found.images[0, 0].mean()) > 0.55  # grey is 0.5


def test_where_nothing_excites_a_channel_it_is_said() -> None:
    seen = looked()
    found = excite(_Silent(-9.0), [("relu", 0)], spec=_spec(3, 16), steps=2)
    assert not found.found(0) and "nothing was found to excite it" in build(
        decided(1), replace(seen, excited=replace(found, at=seen.excited.at[:1]), filters=None)
    )
    assert "nothing was found" not in build(decided(1), seen)


def test_a_layer_of_several_tensors_is_refused() -> None:
    class Two(nn.Module):
        def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
            return x, x

    model = nn.Sequential(nn.Conv2d(3, 3, 1), Two())
    with pytest.raises(InputError, match="'1' gives a tuple, expected a layer"):
        excite(model, [("1", 0)], spec=_spec(3, 8))
