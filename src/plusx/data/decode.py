"""One encoded image to one array of bytes, whatever its mode, size and orientation."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, NamedTuple

import numpy as np
import numpy.typing as npt
import torch

from plusx.data.spec import InputSpec
from plusx.errors import InputError

if TYPE_CHECKING:
    from PIL import Image

__all__ = [
    "FORMATS",
    "BrokenImage",
    "Header",
    "decode",
    "fitted",
    "plain",
    "read_header",
    "read_image",
    "reading",
    "turn",
]

_GREY = frozenset({"1", "L", "LA", "La", "I", "I;16", "I;16L", "I;16B", "I;16N"})
_ORIENTATION = 0x0112  # the EXIF tag
# Whatever a file is called, Pillow looks for every format it knows in it, and for one of them
# (EPS) it starts another program: so these only.
FORMATS = ("JPEG", "PNG", "GIF", "BMP", "WEBP", "TIFF", "PPM")


class BrokenImage(Exception):
    """A file is no image that can be read; the message is the reason."""


class Header(NamedTuple):
    """What can be known of an image without decoding it."""

    width: int
    height: int
    grey: bool


def read_image(path: Path | str, spec: InputSpec) -> torch.Tensor:
    """Read one image file for `spec`; returns uint8 (C, stored, stored).

    Raises InputError, naming the file, where it is no image.
    """
    path = Path(path)
    try:
        with reading(), path.open("rb") as file:
            return torch.from_numpy(decode(file, channels=spec.channels, side=spec.stored))
    except BrokenImage as error:
        raise InputError(
            f"{path} cannot be read as an image ({error}); expected one of "
            f"{', '.join(FORMATS)}; try opening it in an image viewer"
        ) from error


@contextmanager
def reading() -> Iterator[None]:
    """Turn whatever goes wrong while a file is read into BrokenImage, and hush Pillow.

    Pillow's plugins raise what their parsers happen to raise (SyntaxError, struct.error,
    KeyError, ...), so every Exception of the block counts; keep nothing else in the block.
    A decompression bomb is only a warning up to twice Pillow's limit: here it is an error.
    """
    from PIL import Image

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        try:
            yield
        except (BrokenImage, InputError):
            raise  # an InputError is about the source as a whole: an archive, a shard, a server
        except Exception as error:
            raise BrokenImage(_reason(error)) from error


def read_header(file: BinaryIO) -> Header:
    """Return size and colour of an image; raises whatever Pillow raises (see `reading`)."""
    from PIL import Image

    with Image.open(file, formats=FORMATS) as image:
        width, height = image.size
        if min(width, height) < 1:
            raise BrokenImage(f"its size is {width}x{height}")
        if image.mode == "F":
            raise BrokenImage("its pixels are floating-point numbers of unknown range")
        return Header(width, height, image.mode in _GREY)


def decode(file: BinaryIO, *, channels: int, side: int) -> npt.NDArray[np.uint8]:
    """Decode an image to uint8 (channels, side, side); see `reading` for what it raises.

    The first frame, turned as its EXIF orientation says, transparency on white, 16-bit grey
    scaled to 8, the shorter side resized to `side` and the centre taken.
    """
    from PIL import Image

    with Image.open(file, formats=FORMATS) as image:
        short = min(image.size)
        if short > side:  # a JPEG can be decoded at 1/2, 1/4, 1/8 for a fraction of the time
            scale = side / short
            image.draft(None, (round(image.width * scale), round(image.height * scale)))
        turned = turn(image)
        found = fitted(plain(image, channels), side)
    if turned is not None:
        found = found.transpose(turned)
    pixels = np.array(found)
    return pixels[None] if channels == 1 else pixels.transpose(2, 0, 1)


def fitted(image: "Image.Image", side: int) -> "Image.Image":
    """Resize the shorter side to `side` and take the centre, in one step."""
    from PIL import Image

    width, height = image.size
    if width == height == side:
        return image
    short = min(width, height)
    left, top = (width - short) / 2, (height - short) / 2
    return image.resize(
        (side, side),
        Image.Resampling.BICUBIC,
        box=(left, top, left + short, top + short),
        reducing_gap=3.0,
    )


def plain(image: "Image.Image", channels: int) -> "Image.Image":
    """Return the image in mode L or RGB, without transparency."""
    from PIL import Image

    if image.mode == "F":
        raise BrokenImage("its pixels are floating-point numbers of unknown range")
    wanted = "L" if channels == 1 else "RGB"
    if image.mode.startswith("I"):
        # convert("L") would clip at 255, which makes a 16-bit image white
        deep = np.clip(np.asarray(image).astype(np.int64), 0, 65535)
        return Image.fromarray(((deep * 255 + 32767) // 65535).astype(np.uint8)).convert(wanted)
    if image.has_transparency_data:
        seen = image.convert("RGBA")
        white = Image.new("RGBA", seen.size, "white")
        return Image.alpha_composite(white, seen).convert(wanted)
    image.load()
    return image if image.mode == wanted else image.convert(wanted)


def turn(image: "Image.Image") -> "Image.Transpose | None":
    """Return the transposition that the EXIF orientation asks for."""
    from PIL import Image

    turns = {
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_270,
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_90,
    }
    try:
        return turns.get(image.getexif().get(_ORIENTATION, 1))
    except Exception:
        return None  # damaged metadata; whether the pixels are damaged shows when they are read


def _reason(error: Exception) -> str:
    from PIL import Image, UnidentifiedImageError

    if isinstance(error, UnidentifiedImageError):
        return "not in an image format that is known"
    if isinstance(error, Image.DecompressionBombWarning | Image.DecompressionBombError):
        return "far too many pixels"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return str(error) or type(error).__name__
