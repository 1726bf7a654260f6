import gzip
import json
import os
from pathlib import Path

import numpy as np
import pytest
import torch
from data_samples import draw
from shard_samples import picture, tar_shard, tar_shards, write_tar

from plusx.data import InMemory, Views, batches, open_data, shuffled
from plusx.data.cache import cache_folder
from plusx.data.dataset import Data
from plusx.data.decode import decode
from plusx.data.shards import index as index_file
from plusx.data.shards.images import InShards
from plusx.data.shards.tar import index_tar
from plusx.errors import InputError

COUNTS = (50, 30, 1, 60)


def generator(number: int) -> torch.Generator:
    return torch.Generator().manual_seed(number)


def all_names(data: Data) -> list[str]:
    return sorted([*data.train.names, *data.val.names, *data.test.names])


def test_against_webdataset(tmp_path: Path) -> None:
    from webdataset.tariterators import group_by_keys, tar_file_expander

    folder = tar_shards(tmp_path / "birds", COUNTS)
    data = open_data(folder, memory_limit=0)
    assert data.name == "birds"
    assert isinstance(data.train.images, InShards)
    expected = {}
    for path in folder.iterdir():
        with path.open("rb") as stream:  # its own reader leaves files open
            files = tar_file_expander([{"url": path.name, "stream": stream}])
            for sample in group_by_keys(files):
                key = f"{path.name}/{sample['__key__']}"
                expected[key] = (sample["png"], sample["cls"])
    assert all_names(data) == sorted(expected)
    for split in (data.train, data.val, data.test):
        for at, name in enumerate(split.names):
            content, label = expected[name]
            assert split.images.open(at).read() == content
            assert int(split.labels[at]) == int(label)
    assert data.input.classes == ("label 0", "label 1", "label 2")
    assert (data.input.size, data.input.channels) == (16, 3)
    assert "4 .tar shard(s) of 141 images." in data.notes


def test_memory_and_shards_give_the_same(tmp_path: Path) -> None:
    folder = tar_shards(tmp_path / "birds", COUNTS)
    disk, memory = open_data(folder, memory_limit=0, workers=2), open_data(folder)
    assert isinstance(memory.train.images, InMemory) and memory.workers == 0
    assert memory.train.names == disk.train.names
    assert memory.input == disk.input  # mean and deviation too: all 141 are in the sample
    order = torch.arange(len(disk.train))
    for workers in (0, 2):
        pairs = zip(
            batches(disk.train, order, batch_size=20, device="cpu", workers=workers),
            batches(memory.train, order, batch_size=20, device="cpu"),
            strict=True,
        )
        assert all(torch.equal(one.images, other.images) for one, other in pairs)


def test_an_epoch_is_the_same_for_all_workers_ranks_and_starts(tmp_path: Path) -> None:
    data = open_data(tar_shards(tmp_path / "birds", COUNTS), memory_limit=0)
    order = shuffled(data.train, generator=generator(3))
    assert torch.equal(order.sort().values, torch.arange(len(data.train)))
    order = order[:96]
    views = Views(data.policy, 16, generator)

    def epoch(**options: int) -> list[torch.Tensor]:
        found = batches(data.train, order, batch_size=12, device="cpu", views=views, **options)
        return [batch.images for batch in found]

    whole = epoch()
    assert len(whole) == 8
    assert all(map(torch.equal, epoch(workers=2), whole))
    assert all(map(torch.equal, epoch(start=5, workers=1), whole[5:]))
    ranks = [epoch(rank=rank, world=3, start=2) for rank in range(3)]
    for one, shares in zip(whole[2:], zip(*ranks, strict=True), strict=True):
        assert torch.equal(one, torch.cat(shares))


def test_splits_by_name_and_by_folder(tmp_path: Path) -> None:
    for part, start, count in (("train", 0, 40), ("val", 40, 10), ("test", 50, 12)):
        tar_shard(tmp_path / "a" / f"birds-{part}-0.tar", start, count)
        tar_shard(tmp_path / "b" / part / "0.tar", start, count)
    for folder in ("a", "b"):
        data = open_data(tmp_path / folder, memory_limit=0)
        assert [len(s) for s in (data.train, data.val, data.test)] == [40, 10, 12]
        assert "Splits: 40 train, 10 val, 12 test (as given)." in data.notes
        assert data.test.images.open(0).read() == picture(50)
    pattern = f"{tmp_path}/a/birds-{{train,test}}-{{0..0}}.tar"
    data = open_data(pattern, memory_limit=0)
    assert data.name == "birds"
    assert len(data.test) == 12 and len(data.train) + len(data.val) == 40


def test_a_split_by_hash_is_not_moved_by_new_shards(tmp_path: Path) -> None:
    folder = tar_shards(tmp_path / "birds", (60, 60))
    before = open_data(folder, memory_limit=0)
    tar_shard(folder / "more.tar", 500, 40)
    after = open_data(folder, memory_limit=0)
    assert set(before.test.names) <= set(after.test.names)
    assert set(before.val.names) <= set(after.val.names)
    assert {"val", "test"} <= set("".join(after.notes).replace(",", " ").split())
    assert open_data(folder, seed=1, memory_limit=0).test.names != after.test.names


def test_a_pattern_and_a_single_shard(tmp_path: Path) -> None:
    folder = tar_shards(tmp_path, (50, 50, 50), stem="s")
    data = open_data(f"{folder}/s-{{000..001}}.tar", memory_limit=0)
    assert data.name == "s"
    assert len(all_names(data)) == 100
    assert len(all_names(open_data(folder / "s-002.tar"))) == 50
    with pytest.raises(InputError, match=r"s-003.tar does not exist \(1 of the 3 shards of"):
        open_data(f"{folder}/s-{{001..003}}.tar")
    with pytest.raises(InputError, match="does not exist"):
        open_data(f"{folder}/absent.tar")


def labelled(path: Path, label: str, content: bytes) -> Path:
    return write_tar(path, [("a.b/1.jpg", b"x"), (f"a.b/1.{label}", content)])


@pytest.mark.parametrize(
    ("label", "content", "expected"),
    [
        ("cls", b"7\n", "7"),
        ("cls", b" tabby  cat", "tabby cat"),
        ("label", b"dog", "dog"),
        ("json", b'{"label": 3, "width": 9}', "3"),
        ("json", b'{"class": "owl"}', "owl"),
        ("cls", b"", None),
        ("cls", b"\xff\xfe", None),
        ("json", b'{"caption": "x"}', None),
        ("json", b'{"label": true}', None),
        ("json", b'{"label": [1]}', None),
        ("json", b"[1]", None),
        ("json", b"{", None),
        ("txt", b"a cat", None),
    ],
)
def test_labels(tmp_path: Path, label: str, content: bytes, expected: str | None) -> None:
    found = index_tar(labelled(tmp_path / "x.tar", label, content))
    assert found.labels == ([expected] if expected else [])
    assert found.keys == (["a.b/1"] if expected else [])
    assert len(found.broken) == (0 if expected else 1)


def test_cls_goes_before_json_and_other_files_are_ignored(tmp_path: Path) -> None:
    path = write_tar(
        tmp_path / "x.tar",
        [
            ("README", b"hello"),
            ("1.json", b'{"label": 5}'),
            ("1.seg.png", b"mask"),
            ("1.CLS", b"6"),
            ("1.JPG", b"image"),
            ("2.cls", b"7"),
            ("2.json", b'{"label": 8}'),
            ("2.webp", b"second"),
            ("3.cls", b"9"),
            ("4.jpg", b"one"),
            ("4.png", b"other"),
            ("4.cls", b"9"),
        ],
    )
    found = index_tar(path)
    assert (found.keys, found.labels) == (["1", "2"], ["6", "7"])
    content = path.read_bytes()
    images = [content[o : o + n] for o, n in zip(found.first, found.second, strict=True)]
    assert images == [b"image", b"second"]
    assert found.broken == [("4", "more than one image has this key")]


def test_names_of_classes(tmp_path: Path) -> None:
    folder = tar_shards(tmp_path / "birds", (60, 60))
    (folder / "classes.txt").write_text("crow\nowl\nwren\n")
    data = open_data(folder)
    assert data.input.classes == ("crow", "owl", "wren")
    (folder / "classes.txt").write_text("crow\nowl\n")
    with pytest.raises(InputError, match="the label 2, expected 0 to 1, the classes that are"):
        open_data(folder)
    names = [b"crow", b"owl"]
    files = [(f"{at}.{end}", content) for at in range(60)
             for end, content in (("png", picture(at)), ("cls", names[at % 2]))]  # fmt: skip
    data = open_data(write_tar(tmp_path / "named.tar", files), memory_limit=0)
    assert data.input.classes == ("crow", "owl")
    first = data.train.names[0].removeprefix("named.tar/")
    assert int(data.train.labels[0]) == int(first) % 2


def test_the_index_is_made_once_and_again_when_a_shard_changes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from plusx.data.shards import load

    made: list[str] = []
    monkeypatch.setattr(
        load, "index_tar", lambda path: (made.append(Path(path).name), index_tar(path))[1]
    )
    folder = tar_shards(tmp_path / "birds", (50, 50))
    first = open_data(folder, memory_limit=0, workers=0)
    assert made == ["shard-000.tar", "shard-001.tar"]
    again = open_data(folder, memory_limit=0, workers=0)
    assert len(made) == 2
    assert again.train.names == first.train.names and again.input == first.input
    status = (folder / "shard-001.tar").stat()
    tar_shard(folder / "shard-001.tar", 500, 50)
    os.utime(folder / "shard-001.tar", ns=(status.st_atime_ns, status.st_mtime_ns + 1))
    changed = open_data(folder, memory_limit=0, workers=0)
    assert made[2:] == ["shard-001.tar"]
    assert any("/00500" in name for name in all_names(changed))
    for file in (cache_folder() / "shards" / "index").iterdir():
        file.write_text(json.dumps({"stamp": [], "more": 1}) if "0" in file.name else "{")
    assert all_names(open_data(folder, memory_limit=0, workers=0)) == all_names(changed)
    assert len(made) == 5


def test_a_cache_that_cannot_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(path: Path, content: bytes) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(index_file, "write_bytes", full)
    folder = tar_shards(tmp_path / "birds", (50, 50))
    assert len(all_names(open_data(folder, memory_limit=0))) == 100


def test_broken_images_are_named_skipped_and_counted(tmp_path: Path) -> None:
    files = [(f"{at}.{end}", content) for at in range(100)
             for end, content in (("png", picture(at)), ("cls", str(at % 2).encode()))]  # fmt: skip
    files[40] = ("20.png", b"hello")
    files += [("x.png", picture(0))]
    data = open_data(write_tar(tmp_path / "x.tar", files), memory_limit=0)
    assert {file.name: file.reason for file in data.broken} == {
        "x.tar/x": "it has no label (.cls, .class, .label or .json)",
        "x.tar/20": "not in an image format that is known",
    }
    assert len(all_names(data)) == 99
    assert "x.tar/20" not in all_names(data)


def test_a_shard_that_is_cut_later(tmp_path: Path) -> None:
    folder = tar_shards(tmp_path / "birds", (100,))
    data = open_data(folder, memory_limit=0)
    shard = folder / "shard-000.tar"
    whole = shard.read_bytes()
    shard.write_bytes(whole[: len(whole) // 2])
    found = list(batches(data.train, torch.arange(len(data.train)), batch_size=8, device="cpu"))
    lost = [file for batch in found for file in batch.broken]
    assert 20 < len(lost) < 60
    assert {file.reason for file in lost} <= {
        "its shard ends before it does", "not in an image format that is known"
    }  # fmt: skip
    shard.unlink()
    with pytest.raises(InputError, match="can be read any more"):
        list(batches(data.train, torch.arange(9), batch_size=3, device="cpu"))


def test_damaged_and_compressed_archives(tmp_path: Path) -> None:
    whole = tar_shard(tmp_path / "x.tar", 0, 50).read_bytes()
    for content in (b"", b"text" * 500, whole[: len(whole) // 2], gzip.compress(whole)):
        (tmp_path / "x.tar").write_bytes(content)
        with pytest.raises(InputError, match=r"x\.tar is no whole tar archive"):
            open_data(tmp_path / "x.tar")
        with pytest.raises(InputError, match=r"x\.tar is no whole tar archive"):
            open_data(tmp_path / "x.tar", workers=2)


@pytest.mark.parametrize(
    ("names", "words"),
    [
        (("train-0.tar", "more-0.tar"), "more-0.tar names no split, while others"),
        (("val-0.tar", "test-0.tar"), "has test, val but no train shards"),
        (("a.tar", "b.parquet"), "holds .parquet and .tar, expected .tar files"),
    ],
)
def test_names_that_tell_no_splits(tmp_path: Path, names: tuple[str, ...], words: str) -> None:
    for name in names:
        tar_shard(tmp_path / "x" / name, 0, 5)
    with pytest.raises(InputError, match=words):
        open_data(tmp_path / "x")


def test_shards_without_samples(tmp_path: Path) -> None:
    write_tar(tmp_path / "x.tar", [("README.md", b"hello")])
    with pytest.raises(InputError, match="holds no image with a label, expected samples such as"):
        open_data(tmp_path / "x.tar")
    with pytest.raises(InputError, match=r"50 of 50 images \(100%\).*it has no label"):
        open_data(write_tar(tmp_path / "y.tar", [(f"{at}.png", b"x") for at in range(50)]))


def test_an_archive_left_beside_its_images_is_no_shard(tmp_path: Path) -> None:
    folder = tmp_path / "pets"
    for at in range(20):
        draw(folder / "cat" / f"{at}.png")
        draw(folder / "dog" / f"{at}.png")
    tar_shard(folder / "pets.tar", 0, 5)
    assert open_data(folder).input.classes == ("cat", "dog")


def test_a_missing_library_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import importlib.util

    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(InputError, match=r"need webdataset.*pip install 'plusx\[shards\]'"):
        open_data(tar_shard(tmp_path / "x.tar", 0, 5))
    with pytest.raises(InputError, match="need webdataset"):
        open_data(f"{tmp_path}/x{{a,b}}.tar")


def test_photos_in_shards_are_cropped_by_the_workers(tmp_path: Path) -> None:
    files = [(f"{at}.{end}", content) for at in range(40)
             for end, content in (("jpg", picture(at, side=80, form="JPEG")),
                                  ("cls", str(at % 2).encode()))]  # fmt: skip
    data = open_data(write_tar(tmp_path / "x.tar", files), memory_limit=0, size=72)
    assert data.policy.area is not None
    views, some = Views(data.policy, 72, generator), torch.arange(16)
    found = [
        list(batches(data.train, some, batch_size=8, device="cpu", views=views, workers=workers))
        for workers in (0, 2)
    ]
    for one, other in zip(*found, strict=True):
        assert one.images.shape == (8, 3, 72, 72)
        assert torch.equal(one.images, other.images)
    with data.train.images.open(3) as file:
        assert np.array_equal(data.train.images.read(3), decode(file, channels=3, side=82))
