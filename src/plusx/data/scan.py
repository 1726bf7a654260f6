"""The first pass over image files: which are readable, how large, grey or colour."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import BinaryIO, Generic, Protocol, TypeVar

from plusx.data.dataset import Broken
from plusx.data.decode import BrokenImage, Header, read_header, reading
from plusx.data.parallel import mapped
from plusx.data.progress import Progress
from plusx.data.spec import SMALL
from plusx.errors import InputError

__all__ = ["choose_size", "refuse_many", "scan"]

_CHUNK = 500
_PHOTO = 224
_MOST_BROKEN = 0.05

Key = TypeVar("Key")
Asked = TypeVar("Asked", contravariant=True)


class Opener(Protocol[Asked]):
    """What opens encoded images, by name or by number."""

    def open(self, key: Asked, /) -> BinaryIO:
        """Open one encoded image."""


def scan(
    source: Opener[Key], keys: Sequence[Key], *, workers: int, progress: Progress
) -> tuple[dict[Key, Header], dict[Key, str]]:
    """Read the headers of images: those that can be read, and of the others the reasons."""
    chunks = [keys[at : at + _CHUNK] for at in range(0, len(keys), _CHUNK)]
    headers: dict[Key, Header] = {}
    broken: dict[Key, str] = {}
    with progress("Looking at the images", len(keys)) as advance:
        found = mapped(_Scanner(source).scan, chunks, workers=workers)
        for chunk, results in zip(chunks, found, strict=True):
            for key, result in zip(chunk, results, strict=True):
                if isinstance(result, str):
                    broken[key] = result
                else:
                    headers[key] = result
            advance(len(chunk))
    return headers, broken


def refuse_many(broken: Sequence[Broken], total: int, where: str) -> None:
    """Raise InputError where more than one file in twenty is broken."""
    if len(broken) <= _MOST_BROKEN * total:
        return
    first = ", ".join(f"{file.name} ({file.reason})" for file in broken[:3])
    raise InputError(
        f"{where}: {len(broken)} of {total} images ({len(broken) / total:.0%}) cannot be read: "
        f"{first}{', ...' if len(broken) > 3 else ''}; expected at most {_MOST_BROKEN:.0%}; "
        "remove or replace them"
    )


def choose_size(sizes: Iterable[tuple[int, int]], asked: int | None) -> tuple[int, str]:
    """Return the side of the network's input for images of these (width, height)s, and why.

    Small images (up to 64 pixels) keep the side that most of them have, others become 224.
    """
    longest = Counter(max(size) for size in sizes)
    found = f"{min(longest)} to {max(longest)}" if len(longest) > 1 else f"{max(longest)}"
    told = f"the longer sides are {found} pixels"
    if asked is not None:
        return asked, f"Images are used at {asked}x{asked}, as asked ({told})."
    side = longest.most_common(1)[0][0] if max(longest) <= SMALL else _PHOTO
    return side, f"Images are used at {side}x{side} ({told})."


@dataclass(frozen=True)
class _Scanner(Generic[Key]):
    source: Opener[Key]

    def scan(self, keys: Sequence[Key]) -> list[Header | str]:
        return [self._one(key) for key in keys]

    def _one(self, key: Key) -> Header | str:
        try:
            with reading(), self.source.open(key) as file:
                return read_header(file)
        except BrokenImage as error:
            return str(error)
