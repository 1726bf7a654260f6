"""From file names to classes and splits."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from plusx.data.split import Entry
from plusx.errors import InputError

__all__ = ["EXTENSIONS", "WORDS", "Layout", "lay_out"]

EXTENSIONS = frozenset(
    {".jpg", ".jpeg", ".png", ".bmp", ".gif", ".webp", ".tif", ".tiff", ".ppm", ".pgm"}
)
_JUNK = frozenset({"__macosx", "thumbs.db", "desktop.ini"})
WORDS = {"train": "train", "val": "val", "valid": "val", "validation": "val", "test": "test"}
_EXPECTED = (
    "expected a folder for each class with its images in it, such as cat/1.jpg and dog/1.jpg"
)

Paths = list[tuple[str, ...]]


@dataclass(frozen=True)
class Layout:
    """The classes, the splits that are given ("train" always is), and what was left out."""

    classes: tuple[str, ...]
    parts: Mapping[str, Sequence[Entry]]
    notes: tuple[str, ...]


def lay_out(names: Iterable[str], where: str) -> Layout:
    """Read classes and splits from the names of the files in `where`.

    Either CLASS/FILE, or train/CLASS/FILE with val/ (valid/, validation/) and test/ where they
    are there. One folder around everything is looked through. Hidden files and those of file
    managers are ignored; other files that are no images are counted in a note.
    Raises InputError where the names tell no classes.
    """
    paths = [path for path in (tuple(name.split("/")) for name in names) if not _is_junk(path)]
    images = [path for path in paths if PurePosixPath(path[-1]).suffix.lower() in EXTENSIONS]
    notes = _other_files(paths, len(images))
    if not images:
        raise InputError(
            f"{where} holds no images ({len(paths)} other file(s)), {_EXPECTED}; "
            f"known are {', '.join(sorted(EXTENSIONS))}"
        )
    depth = _around(images)
    if depth:
        notes.append(f"Looked through the single folder {'/'.join(images[0][:depth])}.")
    groups = _splits(images, depth, where, notes)
    if groups is None:
        groups = {"train": (images, depth)}
    return _with_classes(groups, where, notes)


def _is_junk(path: tuple[str, ...]) -> bool:
    return any(part.startswith(".") or part.lower() in _JUNK for part in path)


def _other_files(paths: Paths, images: int) -> list[str]:
    if len(paths) == images:
        return []
    kinds = Counter(PurePosixPath(path[-1]).suffix.lower() or "no extension" for path in paths)
    others = sorted(set(kinds) - EXTENSIONS)
    return [f"Ignored {len(paths) - images} file(s) that are no images ({', '.join(others)})."]


def _around(images: Paths) -> int:
    """Return how many folders stand around everything."""
    depth = 0
    while (
        len({path[depth] for path in images}) == 1
        and all(len(path) >= depth + 3 for path in images)
        and images[0][depth].lower() not in WORDS
    ):
        depth += 1
    return depth


def _splits(
    images: Paths, depth: int, where: str, notes: list[str]
) -> dict[str, tuple[Paths, int]] | None:
    """Return the images of each given split, or None where the folders are classes.

    A class may be called "train" (a railway's): the word means the split where that folder
    holds folders only.
    """
    folders: dict[str, Paths] = {}
    for path in images:
        if len(path) > depth + 1:
            folders.setdefault(path[depth], []).append(path)
    words = {name: WORDS[name.lower()] for name in folders if name.lower() in WORDS}
    given = sorted(words.values())
    if not words or ("train" not in given and len(words) < len(folders)):
        return None
    if "train" not in given:
        raise InputError(
            f"{where} has {', '.join(sorted(words))} but no train folder, expected train beside "
            "them; rename the folder of the training images"
        )
    if len(given) > len(set(given)):
        raise InputError(
            f"{where} has {', '.join(sorted(words))}, expected one folder for each split; "
            "merge those that mean the same"
        )
    inside = {
        part: [path for path in folders[name] if len(path) > depth + 2]
        for name, part in words.items()
    }
    trains = next(name for name, part in words.items() if part == "train")
    if len(inside["train"]) < len(folders[trains]):
        return None
    used = sum(map(len, inside.values()))
    if used < len(images):
        notes.append(f"Ignored {len(images) - used} image(s) outside the splits' class folders.")
    return {part: (paths, depth + 1) for part, paths in inside.items() if paths}


def _with_classes(groups: Mapping[str, tuple[Paths, int]], where: str, notes: list[str]) -> Layout:
    members = {
        part: [path for path in paths if len(path) > depth + 1]
        for part, (paths, depth) in groups.items()
    }
    train, depth = members["train"], groups["train"][1]
    classes = sorted({path[depth] for path in train})
    loose = len(groups["train"][0]) - len(train)
    if not classes:
        raise InputError(
            f"{where} has {loose} image(s) directly in it and no class folders, {_EXPECTED}; "
            "move the images of each class into a folder of that name"
        )
    if loose:
        notes.append(f"Ignored {loose} image(s) that lie in no class folder.")
    labels = {name: label for label, name in enumerate(classes)}
    for part, paths in members.items():
        unknown = sorted({path[depth] for path in paths} - set(classes))
        if unknown:
            raise InputError(
                f"{where}: {part} has the class(es) {', '.join(map(repr, unknown))}, which train "
                "has not, expected the same classes; add them to train or take them out"
            )
    parts = {
        part: [
            Entry("/".join(path), labels[path[depth]], "/".join(path[depth + 1 :]))
            for path in paths
        ]
        for part, paths in members.items()
    }
    return Layout(tuple(classes), parts, tuple(notes))
