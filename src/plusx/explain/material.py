"""Images to explain: files, or some of a folder or a zip, as a network takes them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import torch
from torch import Tensor

from plusx.analysis.drawing import spread
from plusx.data import BrokenImage, InputSpec, centre, normalise, read_image
from plusx.data.decode import decode, reading
from plusx.data.folder import Files, FolderFiles
from plusx.data.layout import EXTENSIONS
from plusx.data.zipped import ZipFiles
from plusx.errors import InputError

__all__ = ["Images", "read_images"]


@dataclass(frozen=True, eq=False)
class Images:
    """Pixels (N, C, size, size) uint8 as the network sees them, with the names of their files."""

    names: tuple[str, ...]
    pixels: Tensor
    spec: InputSpec
    notes: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.names)

    @property
    def x(self) -> Tensor:
        """The images as the network takes them."""
        return normalise(self.pixels, self.spec).contiguous()

    def truth(self, index: int) -> str | None:
        """Return the class that the folder of an image names, where it names one."""
        folder = PurePosixPath(self.names[index]).parent.name
        return folder if folder in self.spec.classes else None

    def some(self, count: int) -> "Images":
        """Return at most `count` of them, evenly spread."""
        kept = spread(len(self), count)
        names = tuple(self.names[place] for place in kept)
        return Images(names, self.pixels[kept], self.spec, self.notes)


def read_images(paths: Sequence[Path], spec: InputSpec, *, most: int) -> Images:
    """Read image files, and of each folder and zip at most `most` images, evenly spread.

    What a folder or zip holds that cannot be read is left out and named in a note; a file that was
    asked for by its name must be readable.
    """
    if most < 1:
        raise InputError(f"{most} images were asked for, expected 1 or more")
    names: list[str] = []
    pixels: list[Tensor] = []
    notes: list[str] = []
    for path in paths:
        for name, found in _of(path, spec, most):
            if isinstance(found, str):
                notes.append(f"{name} was left out: {found}.")
            else:
                names.append(name)
                pixels.append(found)
    if not pixels:
        listed = ", ".join(map(str, paths)) or "nothing"
        raise InputError(
            f"there is no image to explain in {listed}; name an image, a folder, a zip"
        )
    return Images(tuple(names), centre(torch.stack(pixels), spec.size), spec, tuple(notes))


def _of(path: Path, spec: InputSpec, most: int) -> Iterator[tuple[str, Tensor | str]]:
    path = path.expanduser()
    if not path.exists():
        raise InputError(f"there is no {path}, expected an image, a folder of images or a zip")
    if path.is_dir():
        yield from _inside(FolderFiles(path), spec, most)
    elif path.suffix.lower() == ".zip":
        yield from _inside(ZipFiles(path), spec, most)
    else:
        yield str(path), read_image(path, spec)


def _inside(files: Files, spec: InputSpec, most: int) -> Iterator[tuple[str, Tensor | str]]:
    names = [n for n in files.names() if PurePosixPath(n).suffix.lower() in EXTENSIONS]
    for place in spread(len(names), most) if names else ():
        name = names[place]
        try:
            with reading(), files.open(name) as file:
                found = decode(file, channels=spec.channels, side=spec.stored)
            yield name, torch.from_numpy(found)
        except BrokenImage as error:
            yield name, str(error)
