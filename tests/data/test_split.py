import subprocess
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from plusx.data.split import PARTS, Entry, complete, position
from plusx.errors import InputError

CLASSES = ("cat", "dog")
NAMES = st.text("abcdef0123", min_size=1, max_size=8)


def entries(names: dict[int, set[str]]) -> list[Entry]:
    return [
        Entry(f"{CLASSES[label]}/{name}", label, name)
        for label, some in names.items()
        for name in sorted(some)
    ]


def places(parts: dict[str, list[Entry]]) -> dict[str, str]:
    return {entry.name: part for part in PARTS for entry in parts[part]}


@settings(deadline=None)
@given(
    cats=st.sets(NAMES, min_size=3, max_size=60),
    dogs=st.sets(NAMES, min_size=3, max_size=60),
    seed=st.integers(0, 5),
    tested=st.booleans(),
)
def test_disjoint_complete_and_in_every_class(
    cats: set[str], dogs: set[str], seed: int, tested: bool
) -> None:
    pool = entries({0: cats, 1: dogs})
    test = [Entry("test/cat/x", 0, "x")]
    parts = complete({"train": pool} | ({"test": test} if tested else {}), CLASSES, seed=seed)
    made = [part for part in PARTS if not (tested and part == "test")]
    assert sorted(entry for part in made for entry in parts[part]) == sorted(pool)
    for part in made:
        assert {entry.label for entry in parts[part]} == {0, 1}
        assert parts[part] == [entry for entry in pool if entry in parts[part]]  # order kept
    if tested:
        assert parts["test"] == test


@settings(deadline=None)
@given(
    first=st.sets(NAMES, min_size=60, max_size=90),
    more=st.sets(NAMES, max_size=30),
    seed=st.integers(0, 3),
)
def test_adding_files_moves_no_others(first: set[str], more: set[str], seed: int) -> None:
    pool = {0: first, 1: first}
    before = places(complete({"train": entries(pool)}, CLASSES, seed=seed))
    natural = {
        entry.name: position(seed, CLASSES[entry.label], entry.key) for entry in entries(pool)
    }
    grown = entries({0: first | more, 1: first | more})
    after = places(complete({"train": grown}, CLASSES, seed=seed))
    for name, at in natural.items():
        own = "test" if at < 0.2 else "val" if at < 0.28 else "train"
        # only a file that was moved into a split that had none of its class may move back
        assert after[name] == before[name] or before[name] != own


def test_the_nearest_file_fills_an_empty_split() -> None:
    pool = entries({0: {"a", "b", "c"}, 1: {"a", "b", "c"}})
    parts = complete({"train": pool}, CLASSES, seed=0)
    assert {part: len(parts[part]) for part in PARTS} == {"train": 2, "val": 2, "test": 2}


def test_shares() -> None:
    pool = entries({0: {str(n) for n in range(5000)}, 1: {str(n) for n in range(5000)}})
    parts = complete({"train": pool}, CLASSES, seed=0)
    assert 1900 < len(parts["test"]) < 2100
    assert 720 < len(parts["val"]) < 880
    other = complete({"train": pool}, CLASSES, seed=1)
    assert places(other) != places(parts)


def test_too_few_images() -> None:
    pool = entries({0: {"a", "b", "c"}, 1: {"a", "b"}})
    with pytest.raises(InputError, match=r"class 'dog' has 2 image\(s\) .* at least 3"):
        complete({"train": pool}, CLASSES, seed=0)
    assert complete({"train": pool, "test": pool}, CLASSES, seed=0)  # val and train need 2 only


def test_the_same_in_another_process() -> None:
    code = "from plusx.data.split import position; print(repr(position(3, 'cät', 'a b.jpg')))"
    answer = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert float(answer.stdout) == position(3, "cät", "a b.jpg")
    assert position(0, "cat", "001.jpg") == 0.48621435621665277  # golden: splits stay over versions
