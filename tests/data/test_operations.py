"""The operations of automatic augmentation against Pillow's, image by image."""

import math
import sys

import numpy as np
import pytest
import torch
from PIL import Image, ImageEnhance, ImageOps
from torch import Tensor

from plusx import InputError
from plusx.data.operations import OPERATIONS, Ranges, operate

NUMBERS = {name: number for number, name in enumerate(OPERATIONS)}
RANGES = Ranges(enhance=0.9, shear=0.3, rotate=30.0, translate=0.25, bits=4)
STRENGTHS = torch.tensor([-1.0, -0.5, 0.0, 0.3, 0.75, 1.0])
ENHANCERS = {
    "colour": ImageEnhance.Color,
    "contrast": ImageEnhance.Contrast,
    "brightness": ImageEnhance.Brightness,
    "sharpness": ImageEnhance.Sharpness,
}


def photos(channels: int, side: int = 24) -> Tensor:
    """Six images of waves and noise that do not use the whole range."""
    source = torch.Generator().manual_seed(5)
    y, x = torch.meshgrid(torch.arange(side), torch.arange(side), indexing="ij")
    phase = torch.rand(6, channels, 1, 1, generator=source) * 6
    wave = 120 + 70 * torch.sin(x / 4 + phase) * torch.cos(y / 5 - phase)
    grain = 20 * torch.rand(6, channels, side, side, generator=source)
    return (wave + grain).to(torch.uint8)


def done(name: str, images: Tensor, fill: tuple[int, ...] | None = None) -> Tensor:
    numbers = torch.full((len(images),), NUMBERS[name])
    fill = fill or (0,) * images.shape[1]
    return operate(images, numbers, STRENGTHS[: len(images)], ranges=RANGES, fill=fill)


def picture(image: Tensor) -> Image.Image:
    array = image.movedim(0, -1).numpy()
    return Image.fromarray(array[..., 0] if array.shape[-1] == 1 else array)


def tensor(image: Image.Image) -> Tensor:
    array = np.array(image)
    return torch.from_numpy(array).view(*array.shape[:2], -1).movedim(-1, 0)


def distance(a: Tensor, b: Tensor) -> int:
    return int((a.int() - b.int()).abs().max())


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("name", ["autocontrast", "equalize"])
def test_what_has_no_strength(name: str, channels: int) -> None:
    images = photos(channels)
    theirs = {"autocontrast": ImageOps.autocontrast, "equalize": ImageOps.equalize}[name]
    for image, found in zip(images, done(name, images)):
        # Pillow's autocontrast rounds down, ours to the nearest
        assert distance(found, tensor(theirs(picture(image)))) <= (name == "autocontrast")


@pytest.mark.parametrize("channels", [1, 3])
def test_posterize_and_solarize(channels: int) -> None:
    images = photos(channels)
    for name in ("posterize", "solarize"):
        for image, found, strength in zip(images, done(name, images), STRENGTHS.abs().tolist()):
            if name == "posterize":
                expected = ImageOps.posterize(picture(image), 8 - round(strength * 4))
            else:
                expected = ImageOps.solarize(picture(image), math.ceil(256 * (1 - strength)))
            assert torch.equal(found, tensor(expected))


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("name", ENHANCERS)
def test_enhancements(name: str, channels: int) -> None:
    images = photos(channels)
    for image, found, strength in zip(images, done(name, images), STRENGTHS.tolist()):
        enhancer = ENHANCERS[name](picture(image))
        # Pillow rounds its degenerate image, and the blend with it down
        assert distance(found, tensor(enhancer.enhance(1 + 0.9 * strength))) <= 2
        if strength == 0:
            assert torch.equal(found, image)


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("name", ["shear-x", "shear-y", "translate-x", "translate-y", "rotate"])
def test_movements(name: str, channels: int) -> None:
    images = photos(channels)
    fill = (7, 60, 200)[:channels]
    for image, found, s in zip(images, done(name, images, fill), STRENGTHS.tolist()):
        colour = fill if channels == 3 else fill[0]
        rest = {"resample": Image.Resampling.BILINEAR, "fillcolor": colour}
        if name == "rotate":
            moved = picture(image).rotate(30 * s, **rest)
        else:
            entries = {
                "shear-x": (1, 0.3 * s, 0, 0, 1, 0),
                "shear-y": (1, 0, 0, 0.3 * s, 1, 0),
                "translate-x": (1, 0, 6 * s, 0, 1, 0),
                "translate-y": (1, 0, 0, 0, 1, 6 * s),
            }[name]
            moved = picture(image).transform((24, 24), Image.Transform.AFFINE, entries, **rest)
        apart = (found.int() - tensor(moved).int()).abs().amax(0)
        # Pillow does not blend the image's border with the fill: a line of pixels differs
        assert float((apart > 2).float().mean()) < 0.1
        if s == 0:
            assert torch.equal(found, image)
        elif name == "translate-x":
            assert torch.equal(found[:, 0, -1 if s > 0 else 0], torch.tensor(fill).byte())


def test_a_movement_against_bilinear_weights_by_hand() -> None:
    images = photos(3)[:, :, :20]  # 20 high, 24 wide
    slopes = 0.3 * STRENGTHS
    found = done("shear-x", images, (9, 9, 9))
    for image, moved, slope in zip(images, found, slopes.tolist()):
        padded = torch.full((3, 20, 24 + 80), 9.0)
        padded[:, :, 40:64] = image.float()
        for y in range(20):
            for x in range(24):
                place = x + slope * (y + 0.5) + 40
                left, part = math.floor(place), place - math.floor(place)
                expected = (1 - part) * padded[:, y, left] + part * padded[:, y, left + 1]
                assert float((moved[:, y, x] - expected).abs().max()) <= 0.51


def test_a_channel_of_one_colour_stays_in_autocontrast() -> None:
    images = torch.full((1, 3, 4, 4), 200, dtype=torch.uint8)
    images[0, 0, 0, 0] = 100
    found = done("autocontrast", images)
    assert found[0, 0].unique().tolist() == [0, 255] and found[0, 1:].unique().tolist() == [200]


def test_equalize_is_pillow_s_to_the_byte() -> None:
    """Few and many pixels, one colour, two colours, and tables that end above 255."""
    source = torch.Generator().manual_seed(1)
    batches = [photos(1), photos(3), photos(1, side=99), torch.full((1, 1, 16, 16), 7).byte()]
    for side in (4, 16, 22, 40):
        for low, high in ((0, 256), (100, 130), (254, 256), (0, 2)):
            drawn = torch.randint(low, high, (3, 1, side, side), generator=source)
            batches.append(drawn.to(torch.uint8))
            batches.append((drawn.double().sqrt() * 3).to(torch.uint8))
    for images in batches:
        for image, found in zip(images, done("equalize", images), strict=True):
            for channel, ours in zip(image, found, strict=True):
                theirs = ImageOps.equalize(Image.fromarray(channel.numpy()))
                assert np.array_equal(ours.numpy(), np.asarray(theirs))


def test_nothing_is_refused_where_only_what_repeats_is_allowed() -> None:
    torch.use_deterministic_algorithms(True)
    try:
        for name in NUMBERS:
            assert torch.equal(done(name, photos(3)), done(name, photos(3)))
    finally:
        torch.use_deterministic_algorithms(False)


def test_each_image_has_its_own_operation() -> None:
    images = photos(3)
    numbers = torch.tensor([NUMBERS[n] for n in ("identity", "solarize", "rotate")] * 2)
    strengths = torch.tensor([1.0, 0.5, 0.2, -1.0, 1.0, -0.9])
    fill = (1, 2, 3)
    found = operate(images, numbers, strengths, ranges=RANGES, fill=fill)
    for at in range(6):
        one = slice(at, at + 1)
        alone = operate(images[one], numbers[one], strengths[one], ranges=RANGES, fill=fill)
        assert torch.equal(found[one], alone)
    assert torch.equal(found[0], images[0]) and not torch.equal(found[1], images[1])


def test_without_kornia_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "kornia", None)
    with pytest.raises(InputError, match=r"pip install 'plusx\[train\]'"):
        done("contrast", photos(3))
