"""Writing without loss: beside the place, synced, renamed into it."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

__all__ = ["tidy", "write_bytes", "write_text", "write_with", "written_folder"]


def write_with(path: Path, write: Callable[[BinaryIO], object]) -> None:
    """Let `write` fill a file; `path` is the old file or the whole new one, never a part."""
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        with beside.open("wb") as file:
            write(file)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(path)
    except BaseException:
        beside.unlink(missing_ok=True)
        raise
    _sync_folder(path.parent)


def write_bytes(path: Path, content: bytes) -> None:
    """Write `content` to `path`, whole or not at all."""
    write_with(path, lambda file: file.write(content))


def write_text(path: Path, text: str) -> None:
    """Write `text` as UTF-8 to `path`, whole or not at all."""
    write_bytes(path, text.encode())


@contextmanager
def written_folder(path: Path) -> Iterator[Path]:
    """Give a new folder to fill; when the block ends well it takes the place of `path`."""
    import shutil

    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f".{path.name}.{os.getpid()}.part")
    shutil.rmtree(beside, ignore_errors=True)
    beside.mkdir()
    try:
        yield beside
        if path.exists():
            old = path.with_name(f".{path.name}.{os.getpid()}.old")
            path.replace(old)
            beside.replace(path)
            shutil.rmtree(old)
        else:
            beside.replace(path)
    except BaseException:
        shutil.rmtree(beside, ignore_errors=True)
        raise
    _sync_folder(path.parent)


def tidy(folder: Path) -> None:
    """Remove what killed processes left half-written; put back what they had moved aside.

    Only for a folder that no other process writes to.
    """
    import shutil

    for old in folder.rglob(".*.old"):
        place = old.with_name(old.name[1:].rsplit(".", 2)[0])
        if place.exists():
            shutil.rmtree(old)
        else:
            old.replace(place)
    for part in list(folder.rglob(".*.part")):
        if part.is_dir():
            shutil.rmtree(part)
        else:
            part.unlink(missing_ok=True)


def _sync_folder(folder: Path) -> None:
    """Make a rename in `folder` durable (POSIX; other systems have no such call)."""
    if os.name != "posix":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
