"""Which shards a source stands for, and which of them are which split."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path, PurePath, PurePosixPath
from urllib.parse import urlsplit

from plusx.data.layout import WORDS
from plusx.errors import InputError

__all__ = ["Shards", "find_shards", "holds_shards", "is_url", "kind_of", "means_shards", "required"]

_KINDS = (".tar", ".parquet")
_EXPECTED = (
    "expected .tar files in the layout of WebDataset or .parquet files: a folder of them, one "
    "file or URL, or a pattern such as train-{000..010}.tar"
)


@dataclass(frozen=True)
class Shards:
    """Paths and URLs of one kind (".tar" or ".parquet"), by split; "train" always is there."""

    kind: str
    parts: Mapping[str, Sequence[str]]

    @property
    def all(self) -> tuple[str, ...]:
        """All locations, split after split."""
        return tuple(chain.from_iterable(self.parts.values()))


def required(package: str) -> None:
    """Raise InputError, saying what to install, where `package` is missing."""
    from importlib.util import find_spec

    if find_spec(package) is None:
        raise InputError(
            f"shards need {package}, which is not installed, expected the extra [shards]: "
            "pip install 'plusx[shards]'"
        )


def is_url(location: str) -> bool:
    """Say whether a location is to be fetched by HTTP."""
    return location.startswith(("http://", "https://"))


def kind_of(location: str) -> str:
    """Return ".tar" or ".parquet" where a path, URL or pattern ends so, or else nothing."""
    path = urlsplit(location).path if is_url(location) else location
    suffix = PurePosixPath(path.rstrip("}")).suffix.lower()
    return suffix if suffix in _KINDS else ""


def means_shards(source: str) -> bool:
    """Say whether a source that is no existing folder stands for shards."""
    return is_url(source) or kind_of(source) != ""


def holds_shards(folder: Path) -> bool:
    """Say whether a folder is one of shards: they lie in it, or in the folders of its splits.

    An archive that was left beside the class folders unpacked from it makes none.
    """
    inner = _folders(folder)
    named = [path for path in inner if path.name.lower() in {*WORDS, "data"}]
    if len(named) < len(inner) or any(map(_folders, named)):
        return False
    shards = [any(map(_is_shard, path.iterdir())) for path in (folder, *named)]
    return any(shards) and all(shards[1:])


def find_shards(source: str) -> Shards:
    """Find the shards of a folder, a file, a URL or a pattern with braces.

    Splits are told by the words train, val (valid, validation) and test in the names of files or
    else of their folders. Raises InputError where there are none, of both kinds, or some are
    missing.
    """
    folder = Path(source).expanduser()
    if not is_url(source) and folder.is_dir():
        found = sorted(str(path) for path in folder.rglob("*") if _is_shard(path))
    else:
        found = _expanded(source)
    kinds = {kind_of(location) for location in found}
    if len(kinds) != 1 or kinds == {""}:
        given = " and ".join(sorted(kind or "others" for kind in kinds)) or "no shards"
        raise InputError(f"{source} holds {given}, {_EXPECTED}, all of one kind")
    return Shards(kinds.pop(), _splits(found, source))


def _folders(path: Path) -> list[Path]:
    return [inner for inner in path.iterdir() if inner.is_dir() and inner.name[0] != "."]


def _is_shard(path: Path) -> bool:
    return path.suffix.lower() in _KINDS and path.name[0] != "." and path.is_file()


def _expanded(source: str) -> list[str]:
    if "{" not in source:
        found = [source]
    else:
        required("webdataset")
        from webdataset.shardlists import expand_urls

        try:
            found = list(expand_urls(source))
        except ValueError as error:
            raise InputError(f"the pattern {source} has unbalanced braces, {_EXPECTED}") from error
    local = [
        location if is_url(location) else str(Path(location).expanduser()) for location in found
    ]
    missing = [path for path in local if not is_url(path) and not Path(path).is_file()]
    if missing:
        raise InputError(
            f"{missing[0]} does not exist ({len(missing)} of the {len(local)} shards of {source} "
            f"are missing), expected all of them; paths start from {Path.cwd()}"
        )
    return local


def _splits(found: Sequence[str], source: str) -> dict[str, list[str]]:
    parts: dict[str, list[str]] = {}
    without = []
    several = len({_path(location).parent for location in found}) > 1
    for location in found:
        # a folder that all shards share tells nothing about any of them
        part = _part(_path(location), by_folder=several)
        if part is None:
            without.append(location)
        else:
            parts.setdefault(part, []).append(location)
    if not parts:
        return {"train": list(found)}
    if without:
        raise InputError(
            f"{without[0]} names no split, while others of {source} do, expected train, val or "
            "test in the name of each shard, or in none; rename it or take it out"
        )
    if "train" not in parts:
        raise InputError(
            f"{source} has {', '.join(sorted(parts))} but no train shards, expected train beside "
            "them; rename the shards of the training images"
        )
    return {part: parts[part] for part in ("train", "val", "test") if part in parts}


def _path(location: str) -> PurePath:
    return PurePosixPath(urlsplit(location).path) if is_url(location) else PurePath(location)


def _part(path: PurePath, *, by_folder: bool) -> str | None:
    """Return the split that the file's name says, or else the name of its folder."""
    for text in (path.stem, *([path.parent.name] if by_folder else [])):
        for word in re.split(r"[^a-z]+", text.lower()):
            if word in WORDS:
                return WORDS[word]
    return None
