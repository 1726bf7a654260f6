import io
import warnings
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from plusx.data import InputSpec, read_image
from plusx.data.decode import BrokenImage, decode, read_header, reading
from plusx.errors import InputError


def encoded(image: Image.Image, form: str = "PNG", exif: Image.Exif | None = None) -> io.BytesIO:
    file = io.BytesIO()
    if exif is None:
        image.save(file, form)
    else:
        image.save(file, form, exif=exif)
    return io.BytesIO(file.getvalue())


def decoded(image: Image.Image, *, channels: int = 3, side: int = 4) -> np.ndarray:
    with reading():
        return decode(encoded(image), channels=channels, side=side)


def test_pixels_in_order() -> None:
    pixels = np.arange(48, dtype=np.uint8).reshape(4, 4, 3)
    assert (decoded(Image.fromarray(pixels)) == pixels.transpose(2, 0, 1)).all()


@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation(orientation: int) -> None:
    upright = Image.fromarray(np.arange(16, dtype=np.uint8).reshape(4, 4) * 15)
    exif = Image.Exif()
    exif[0x0112] = orientation
    undo = {
        1: None,
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_90,
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_270,
    }[orientation]
    lying = upright if undo is None else upright.transpose(undo)
    with reading():
        found = decode(encoded(lying, exif=exif), channels=1, side=4)
    assert (found[0] == np.asarray(upright)).all()


def test_palette_transparency_and_cmyk() -> None:
    red = Image.new("RGB", (4, 4), "red")
    assert decoded(red.convert("P"))[:, 0, 0].tolist() == [255, 0, 0]
    clear = Image.new("RGBA", (4, 4), (255, 0, 0, 0))
    assert (decoded(clear) == 255).all()
    assert decoded(Image.new("RGBA", (4, 4), (255, 0, 0, 128)))[:, 0, 0].tolist() == [255, 127, 127]
    assert (decoded(Image.new("LA", (4, 4), (0, 0)), channels=1) == 255).all()
    with reading():
        file = encoded(Image.new("CMYK", (4, 4), (0, 255, 255, 0)), "TIFF")
        assert decode(file, channels=3, side=4)[:, 0, 0].tolist() == [255, 0, 0]


def test_sixteen_bits_are_scaled_not_clipped() -> None:
    deep = Image.fromarray(np.array([[0, 257, 32896, 65535]] * 4, dtype=np.uint16))
    assert decoded(deep, channels=1)[0, 0].tolist() == [0, 1, 128, 255]
    assert decoded(deep, channels=3)[:, 0, 2].tolist() == [128, 128, 128]


def test_first_frame_of_a_gif() -> None:
    frames = [Image.new("RGB", (4, 4), colour) for colour in ("lime", "blue")]
    file = io.BytesIO()
    frames[0].save(file, "GIF", save_all=True, append_images=frames[1:])
    with reading():
        assert decode(io.BytesIO(file.getvalue()), channels=3, side=4)[:, 0, 0].tolist() == [
            0,
            255,
            0,
        ]


def test_shorter_side_resized_and_centre_taken() -> None:
    wide = np.zeros((8, 24, 3), dtype=np.uint8)
    wide[:, 8:16] = 200
    assert (decoded(Image.fromarray(wide), side=8) == 200).all()
    assert decoded(Image.fromarray(wide), side=4).shape == (3, 4, 4)
    assert decoded(Image.fromarray(wide), side=64).shape == (3, 64, 64)


def test_large_jpegs_are_decoded_small() -> None:
    gradient = np.linspace(0, 255, 1600)[None, :, None].repeat(1200, 0).repeat(3, 2)
    image = Image.fromarray(gradient.astype(np.uint8))
    with reading():
        small = decode(encoded(image, "JPEG"), channels=3, side=64)
        exact = decode(encoded(image, "PNG"), channels=3, side=64)
    assert np.abs(small.astype(int) - exact).max() <= 3


def test_grey_by_header() -> None:
    modes = {"1": True, "L": True, "LA": True, "I;16": True, "RGB": False, "P": False}
    for mode, grey in modes.items():
        assert read_header(encoded(Image.new(mode, (5, 4)))) == (5, 4, grey)


def _cut(image: Image.Image, form: str) -> bytes:
    content = encoded(image, form).getvalue()
    return content[: len(content) // 2]


NOISE = Image.fromarray(np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8))


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"not an image",
        _cut(NOISE, "JPEG"),
        _cut(NOISE, "PNG"),
        _cut(NOISE, "GIF"),
        _cut(NOISE, "WEBP"),
        b"P6 0 4 255\n",
        b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n%%EndComments\n",
        encoded(Image.new("F", (4, 4)), "TIFF").getvalue(),
    ],
    ids=["empty", "text", "jpeg", "png", "gif", "webp", "no-width", "program", "float"],
)
def test_broken_files(content: bytes) -> None:
    with pytest.raises(BrokenImage, match=r"."), reading():
        decode(io.BytesIO(content), channels=3, side=8)


def test_bombs_are_broken(monkeypatch: pytest.MonkeyPatch) -> None:
    for limit in (3000, 1000):  # a warning of Pillow, and an error
        monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", limit)
        with pytest.raises(BrokenImage, match="far too many pixels"), reading():
            decode(encoded(NOISE), channels=3, side=8)


def test_warnings_stay_inside() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with reading():
            warnings.warn("corrupt EXIF data", UserWarning, stacklevel=1)


def test_read_image(tmp_path: Path) -> None:
    spec = InputSpec(("a", "b"), 1, 8, 8, (0.5,), (0.5,))
    NOISE.save(tmp_path / "x.png")
    assert read_image(tmp_path / "x.png", spec).shape == (1, 8, 8)
    (tmp_path / "x.txt").write_text("hello")
    with pytest.raises(InputError, match=r"x\.txt cannot be read as an image \(not in an image"):
        read_image(tmp_path / "x.txt", spec)
    with pytest.raises(InputError, match=r"absent\.png .*No such file"):
        read_image(tmp_path / "absent.png", spec)
    with pytest.raises(InputError, match="Is a directory"):
        read_image(tmp_path, spec)
