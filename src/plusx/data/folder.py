"""The files of a folder, or of whatever else holds named files."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Protocol

from plusx.errors import InputError

__all__ = ["Files", "FolderFiles"]


class Files(Protocol):
    """Named files to read; implementations are picklable, for worker processes."""

    @property
    def path(self) -> Path:
        """Where the files are, for messages."""

    def names(self) -> list[str]:
        """Return the names of all files, sorted, with "/" between folders."""

    def open(self, name: str) -> BinaryIO:
        """Open one file for reading."""


@dataclass(frozen=True)
class FolderFiles:
    """The files below a folder; links are followed, each folder is visited once."""

    path: Path

    def names(self) -> list[str]:
        """Return the names of all files below the folder, sorted.

        Raises InputError where a folder may not be read.
        """
        found: list[str] = []
        seen: set[tuple[int, int]] = set()
        for folder, inner, files in os.walk(self.path, followlinks=True, onerror=_refused):
            inner.sort()  # the order of the walk, which decides which of two links counts
            status = Path(folder).stat()
            if (status.st_dev, status.st_ino) in seen:
                inner.clear()
                continue
            seen.add((status.st_dev, status.st_ino))
            below = Path(folder).relative_to(self.path).as_posix()
            found += files if below == "." else [f"{below}/{file}" for file in files]
        return sorted(found)

    def open(self, name: str) -> BinaryIO:
        """Open one file for reading."""
        return (self.path / name).open("rb")


def _refused(error: OSError) -> None:
    raise InputError(
        f"the folder {error.filename} cannot be read ({error.strerror}), expected one that you "
        "may list; look at its permissions"
    ) from error
