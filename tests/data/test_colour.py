"""Colour jitter against Pillow's enhancements and the standard library's hues."""

import colorsys
from typing import Any

import pytest
import torch
from PIL import Image, ImageEnhance
from torch import Tensor

from plusx import InputError
from plusx.data.colour import colour_jitter


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def noise(*shape: int) -> Tensor:
    return torch.randint(30, 226, shape, dtype=torch.uint8, generator=generator(9))


def drawn(batch: int) -> tuple[list[int], Tensor]:
    """The order, and a number from -1 to 1 for each of the four and each image."""
    source = generator()
    order = torch.randperm(4, generator=source).tolist()
    return order, 2 * torch.rand(4, batch, generator=source) - 1


@pytest.mark.parametrize(
    ("place", "name", "enhancer"),
    [
        (0, "brightness", ImageEnhance.Brightness),
        (1, "contrast", ImageEnhance.Contrast),
        (2, "saturation", ImageEnhance.Color),
    ],
)
@pytest.mark.parametrize("strength", [0.4, 2.0])
def test_each_factor_alone_is_pillows(
    place: int, name: str, enhancer: Any, strength: float
) -> None:
    images = noise(16, 3, 8, 8)
    found = colour_jitter(images, generator=generator(), **{name: strength})
    _, shifts = drawn(16)
    for image, after, shift in zip(images, found, shifts[place].tolist()):
        factor = max(0.0, 1 + strength * shift)
        picture = Image.fromarray(image.movedim(0, -1).numpy())
        enhanced = torch.frombuffer(bytearray(enhancer(picture).enhance(factor).tobytes()),
                                    dtype=torch.uint8).view(8, 8, 3).movedim(-1, 0)  # fmt: skip
        assert int((after.int() - enhanced.int()).abs().max()) <= 2


def test_hue_is_a_turn_of_the_circle() -> None:
    images = noise(6, 3, 3, 3)
    found = colour_jitter(images, hue=0.3, generator=generator())
    _, shifts = drawn(6)
    for image, after, shift in zip(images, found, shifts[3].tolist()):
        for y in range(3):
            for x in range(3):
                h, s, v = colorsys.rgb_to_hsv(*(image[:, y, x] / 255).tolist())
                expected = colorsys.hsv_to_rgb((h + 0.3 * shift) % 1, s, v)
                apart = after[:, y, x] - 255 * torch.tensor(expected)
                assert float(apart.abs().max()) < 0.51


def test_all_four_in_the_order_that_was_drawn() -> None:
    images = noise(4, 3, 8, 8)
    strengths = {"brightness": 0.2, "contrast": 0.2, "saturation": 0.2, "hue": 0.1}
    found = colour_jitter(images, generator=generator(), **strengths)
    order, shifts = drawn(4)
    for at in range(4):
        image = images[at : at + 1].double() / 255
        for place in order:
            shift = float(shifts[place, at]) * list(strengths.values())[place]
            grey = (image * torch.tensor([0.299, 0.587, 0.114]).view(3, 1, 1)).sum(1, True)
            if place == 0:
                image = image * (1 + shift)
            elif place == 1:
                image = (1 + shift) * image - shift * grey.mean()
            elif place == 2:
                image = (1 + shift) * image - shift * grey
            else:
                flat = image[0].flatten(1).T.tolist()
                turned = [colorsys.rgb_to_hsv(*pixel) for pixel in flat]
                flat = [colorsys.hsv_to_rgb((h + shift) % 1, s, v) for h, s, v in turned]
                image = torch.tensor(flat).T.reshape(1, 3, 8, 8).double()
            image = image.clamp(0, 1)
        assert float((255 * image[0] - found[at]).abs().max()) < 0.6


def test_grey_images_keep_to_brightness_and_contrast() -> None:
    images = noise(8, 1, 6, 6)
    assert torch.equal(
        colour_jitter(images, saturation=0.5, hue=0.5, generator=generator()), images
    )
    found = colour_jitter(images, brightness=0.4, contrast=0.4, generator=generator())
    assert found.shape == images.shape and not torch.equal(found, images)


def test_a_pure_function_of_its_generator() -> None:
    images, before = noise(8, 3, 6, 6), torch.get_rng_state()
    kept = images.clone()
    options: dict[str, float] = {"brightness": 0.4, "contrast": 0.4, "saturation": 0.4, "hue": 0.1}
    found = colour_jitter(images, generator=generator(), **options)
    assert torch.equal(found, colour_jitter(images, generator=generator(), **options))
    assert not torch.equal(found, colour_jitter(images, generator=generator(1), **options))
    assert torch.equal(torch.get_rng_state(), before) and torch.equal(images, kept)
    assert torch.equal(colour_jitter(images, generator=generator()), images)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"hue": 0.6}, "hue is 0.6, expected 0 to 0.5"),
        ({"contrast": -0.1}, "contrast is -0.1, expected 0 or more"),
        ({"images": noise(2, 2, 4, 4)}, "1 or 3 channels"),
        ({"images": torch.zeros(2, 3, 4, 4)}, "expected uint8"),
    ],
)
def test_wrong_inputs_are_refused(options: dict[str, Any], words: str) -> None:
    given = {"images": noise(2, 3, 4, 4), "brightness": 0.1} | options
    with pytest.raises(InputError, match=words):
        colour_jitter(generator=generator(), **given)
