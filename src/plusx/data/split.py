"""Splits by hash: each file's place depends on its own name (and class and seed) alone."""

from collections.abc import Iterable, Mapping, Sequence
from hashlib import blake2b
from typing import NamedTuple

from plusx.errors import InputError

__all__ = ["PARTS", "Entry", "complete", "position"]

PARTS = ("train", "val", "test")
_TEST_SHARE = 0.2
_VAL_SHARE = 0.1  # of what is not test


class Entry(NamedTuple):
    """One labelled image: its name in the source, and the `key` that is hashed."""

    name: str
    label: int
    key: str


def position(seed: int, class_name: str, key: str) -> float:
    """Return a number in [0, 1) that looks random and is the same on every machine."""
    digest = blake2b(f"{seed}/{class_name}/{key}".encode(), digest_size=8).digest()
    # 53 bits are what a float holds exactly; 64 could round up to 1.0
    return (int.from_bytes(digest, "big") >> 11) / 2**53


def complete(
    given: Mapping[str, Sequence[Entry]], classes: Sequence[str], *, seed: int
) -> dict[str, list[Entry]]:
    """Make the splits that are not given out of "train": 20% test, 10% of the rest val.

    A file's place is `position` against fixed thresholds, so adding files moves no others.
    There is one exception: where a class would have no image at all in a split, the image
    whose position is nearest to that split's interval is moved there, and more files may
    move it back. The order within a split is that of the source.

    Raises InputError where a class has too few images for one in each split.
    """
    intervals = _intervals([part for part in PARTS if part not in given])
    parts = {part: list(given.get(part, ())) for part in PARTS}
    place: dict[str, str] = {}
    of_class: list[list[Entry]] = [[] for _ in classes]
    for entry in given["train"]:
        of_class[entry.label].append(entry)
    for name, members in zip(classes, of_class, strict=True):
        if len(members) < len(intervals):
            raise InputError(
                f"class {name!r} has {len(members)} image(s) to make {', '.join(intervals)} "
                f"from, expected at least {len(intervals)}; add images or leave the class out"
            )
        positions = {entry.name: position(seed, name, entry.key) for entry in members}
        place |= _placed(positions, intervals)
    for part in intervals:
        parts[part] = [entry for entry in given["train"] if place[entry.name] == part]
    return parts


def _intervals(missing: Iterable[str]) -> dict[str, tuple[float, float]]:
    """Return each split's half-open interval of positions, the train split's last."""
    intervals, start = {}, 0.0
    if "test" in missing:
        intervals["test"] = (0.0, _TEST_SHARE)
        start = _TEST_SHARE
    if "val" in missing:
        end = start + (1 - start) * _VAL_SHARE
        intervals["val"] = (start, end)
        start = end
    intervals["train"] = (start, 1.0)
    return intervals


def _placed(
    positions: Mapping[str, float], intervals: Mapping[str, tuple[float, float]]
) -> dict[str, str]:
    """Place the images of one class; there are at least as many as there are intervals."""
    place = {
        name: part
        for name, at in positions.items()
        for part, (low, high) in intervals.items()
        if low <= at < high
    }
    for part, (low, high) in intervals.items():
        held = list(place.values())
        if part in held:
            continue
        spare = [name for name in place if held.count(place[name]) > 1]
        near = min(
            spare, key=lambda name: (max(low - positions[name], positions[name] - high), name)
        )
        place[near] = part
    return place
