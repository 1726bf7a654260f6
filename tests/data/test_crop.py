import io

import numpy as np
import pytest
import torch
from PIL import Image

from plusx.data import Policy
from plusx.data.boxes import boxes, draw_crops
from plusx.data.crop import decode_crop, reduction
from plusx.data.decode import BrokenImage, reading

POLICY = Policy(padding=0, flip=True, fill=(0, 0, 0), area=(0.08, 1.0))
CROPS = draw_crops(POLICY, 40, generator=torch.Generator().manual_seed(0)).numpy()


def smooth(width: int, height: int, grain: int = 20) -> Image.Image:
    shape = (height // grain, width // grain, 3)
    noise = np.random.default_rng(0).integers(0, 256, shape, np.uint8)
    return Image.fromarray(noise).resize((width, height), Image.Resampling.BICUBIC)


def encoded(image: Image.Image, form: str, **options: object) -> bytes:
    file = io.BytesIO()
    image.save(file, form, **options)
    return file.getvalue()


def cropped(
    content: bytes, at: int, *, size: int = 32, channels: int = 3, **more: bool
) -> np.ndarray:
    with reading():
        found = decode_crop(
            io.BytesIO(content),
            channels=channels,
            size=size,
            policy=POLICY,
            crop=CROPS[at],
            mirrored=more.get("mirrored", False),
        )
    assert found.dtype == torch.uint8 and found.shape == (channels, size, size)
    return found.permute(1, 2, 0).numpy().astype(int)


def resized(image: Image.Image, at: int, size: int = 32) -> np.ndarray:
    """The same by Pillow: everything decoded, cropped, resized."""
    ((left, top, width, height),) = boxes(CROPS[at][None], np.array([image.size]), POLICY)
    cut = image.crop((left, top, left + width, top + height))
    return np.array(cut.resize((size, size), Image.Resampling.BILINEAR)).astype(int)


@pytest.mark.parametrize("at", range(0, 40, 5))
@pytest.mark.parametrize("size", [16, 32, 96])
def test_against_pillow(at: int, size: int) -> None:
    image = smooth(160, 120)
    found = cropped(encoded(image, "PNG"), at, size=size)
    assert np.abs(found - resized(image, at, size)).max() <= 1


@pytest.mark.parametrize("at", range(0, 40, 4))
def test_a_jpeg_is_nearly_the_same_at_every_scale(at: int) -> None:
    content = encoded(smooth(1000, 800, grain=200), "JPEG", quality=95)
    with Image.open(io.BytesIO(content)) as image:
        whole = image.convert("RGB")
    difference = np.abs(cropped(content, at) - resized(whole, at))
    assert difference.mean() < 3
    assert difference.max() < 32


def test_decoded_at_the_smallest_scale_that_is_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    content = encoded(smooth(1000, 800), "JPEG")
    decoded: list[tuple[int, int]] = []
    real = Image.Image.crop
    monkeypatch.setattr(
        Image.Image, "crop", lambda self, box: (decoded.append(self.size), real(self, box))[1]
    )
    for at in range(20):
        cropped(content, at, size=100)
        (box,) = boxes(CROPS[at][None], np.array([[1000, 800]]), POLICY)
        scale = next(s for s in (8, 4, 2, 1) if s == 1 or min(box[2:]) / s >= 100)
        assert decoded.pop() == (1000 // scale, 800 // scale)
    assert decoded == []


@pytest.mark.parametrize("width", range(1, 60))
def test_reduction_by_brute_force(width: int) -> None:
    for size in (1, 3, 7, 8):
        enough = [scale for scale in (1, 2, 4, 8) if width / scale >= size and 70 / scale >= size]
        assert reduction(width, 70, size) == max(enough, default=1)
        assert reduction(70, width, size) == max(enough, default=1)


@pytest.mark.parametrize("size", [(7, 5), (15, 9), (33, 17), (1, 1)])
def test_small_jpegs_of_odd_sizes(size: tuple[int, int]) -> None:
    content = encoded(Image.new("RGB", size, (200, 100, 50)), "JPEG")
    for at in range(10):
        for side in (1, 2, 4):
            assert np.abs(cropped(content, at, size=side) - (200, 100, 50)).max() <= 4


def test_mirrored() -> None:
    content = encoded(smooth(100, 80), "PNG")
    assert (cropped(content, 3, mirrored=True) == cropped(content, 3)[:, ::-1]).all()


def test_turned_as_the_orientation_says() -> None:
    image = smooth(100, 80)
    exif = Image.Exif()
    exif[0x0112] = 6
    plain, turned = cropped(encoded(image, "PNG"), 5), cropped(encoded(image, "PNG", exif=exif), 5)
    assert np.abs(np.rot90(plain, -1) - turned).max() <= 1


def test_grey_and_transparency() -> None:
    assert cropped(encoded(smooth(50, 50), "PNG"), 0, channels=1).shape == (32, 32, 1)
    clear = Image.new("RGBA", (40, 40), (255, 0, 0, 0))
    assert (cropped(encoded(clear, "PNG"), 0) == 255).all()
    grey = encoded(Image.new("L", (40, 40), 77), "JPEG")
    assert np.abs(cropped(grey, 0) - 77).max() <= 1


def test_broken_files() -> None:
    content = encoded(smooth(100, 80), "JPEG")
    for some in (b"", b"text", content[: len(content) // 2]):
        with pytest.raises(BrokenImage):
            cropped(some, 0)
