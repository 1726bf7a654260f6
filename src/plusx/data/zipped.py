"""The files of a zip archive, read where they lie: nothing is ever unpacked to disk."""

import os
import struct
import zipfile
from io import BytesIO
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from plusx.errors import InputError

__all__ = ["ZipFiles", "check_archive", "opened_archive"]

_RATIO = 100  # deflate reaches about 1000; photographs and arrays of them stay below 10
_MOST_IN_ALL = 1 << 30
_MOST_IN_ONE = 64 << 20
_SMALL = 256 << 10


class ZipFiles:
    """The files of a zip archive.

    Each process opens the archive for itself: a forked worker that shared its parent's handle
    would also share its position in the file.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._handle: tuple[int, zipfile.ZipFile] | None = None

    def __reduce__(self) -> tuple[type["ZipFiles"], tuple[Path]]:
        return ZipFiles, (self.path,)

    def names(self) -> list[str]:
        """Return the names of all files in the archive, sorted.

        Raises InputError for a damaged, encrypted or malicious archive.
        """
        archive = self._archive()
        check_archive(archive, self.path)
        return sorted({info.filename for info in archive.infolist() if not info.is_dir()})

    def open(self, name: str) -> BinaryIO:
        """Open one file for reading; small ones at once, large ones as they are read."""
        archive = self._archive()
        if archive.getinfo(name).file_size <= _SMALL:
            return BytesIO(archive.read(name))
        return archive.open(name)  # type: ignore[return-value]

    def _archive(self) -> zipfile.ZipFile:
        if self._handle is None or self._handle[0] != os.getpid():
            self._handle = (os.getpid(), opened_archive(self.path))
        return self._handle[1]


def opened_archive(path: Path) -> zipfile.ZipFile:
    """Open a zip archive; raise InputError where it is none, or not a whole one."""
    try:
        return zipfile.ZipFile(path)
    except PermissionError as error:
        raise InputError(
            f"{path} cannot be read ({error.strerror}), expected a file that you may read; "
            "look at its permissions"
        ) from error
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError, struct.error) as error:
        raise InputError(
            f"{path} is no whole zip archive ({error}), expected one with all its parts; "
            "it may be cut off, so copy or download it again"
        ) from error


def check_archive(archive: zipfile.ZipFile, path: Path) -> None:
    """Refuse, before anything is unpacked, an archive that could do harm."""
    packed = unpacked = 0
    for info in archive.infolist():
        _check_name(info.filename, path)
        if info.flag_bits & 1:
            raise InputError(
                f"{path} is encrypted ({info.filename} asks for a password), expected an archive "
                "that anybody can open; unpack it and give the folder"
            )
        if info.file_size > _MOST_IN_ONE and info.file_size > _RATIO * info.compress_size:
            raise _bomb(path, info.filename, info.file_size, info.compress_size)
        packed += info.compress_size
        unpacked += info.file_size
    # parts may overlap in the file: what it holds is then less than the sum of its parts
    packed = min(packed, path.stat().st_size)
    if unpacked > _MOST_IN_ALL and unpacked > _RATIO * packed:
        raise _bomb(path, "all its files", unpacked, packed)


def _check_name(name: str, path: Path) -> None:
    plain = PurePosixPath(name.replace("\\", "/"))
    drive = bool(plain.parts) and plain.parts[0].endswith(":")  # "C:/..." of Windows
    if plain.is_absolute() or ".." in plain.parts or drive:
        raise InputError(
            f"{path} holds the name {name!r}, which points outside the archive, expected names "
            "such as 'cat/1.jpg'; such an archive is damaged or malicious"
        )


def _bomb(path: Path, what: str, unpacked: int, packed: int) -> InputError:
    return InputError(
        f"{path} would unpack {what} from {packed:,} to {unpacked:,} bytes, expected at most "
        f"{_RATIO} times as many; if you trust it, unpack it and give the folder"
    )
