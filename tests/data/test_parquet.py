import pickle
from pathlib import Path

import pyarrow as pa
import pytest
import torch
from pyarrow import parquet
from shard_samples import parquet_file, picture

from plusx.data import Views, batches, open_data, shuffled
from plusx.data.decode import BrokenImage
from plusx.data.shards.images import InShards, window_for
from plusx.data.shards.parquet import RowGroups, index_parquet
from plusx.data.shards.store import Store
from plusx.errors import InputError

NAMES = ("crow", "owl", "wren")


def generator(number: int) -> torch.Generator:
    return torch.Generator().manual_seed(number)


@pytest.mark.parametrize("struct", [True, False])
def test_against_pyarrow(tmp_path: Path, struct: bool) -> None:
    for part, start, count in (("train", 0, 65), ("validation", 65, 9), ("test", 74, 12)):
        path = tmp_path / "birds" / "data" / f"{part}-00000-of-00001.parquet"
        parquet_file(path, start, count, struct=struct, names=NAMES)
    data = open_data(tmp_path / "birds", memory_limit=0, workers=0)
    assert isinstance(data.train.images, InShards)
    assert (data.name, data.input.classes) == ("birds", NAMES)
    assert [len(s) for s in (data.train, data.val, data.test)] == [65, 9, 12]
    for split, name in ((data.train, "train"), (data.val, "validation"), (data.test, "test")):
        path = tmp_path / "birds" / "data" / f"{name}-00000-of-00001.parquet"
        rows = parquet.read_table(path).to_pylist()
        for at, row in enumerate(rows):
            content = row["image"]["bytes"] if struct else row["image"]
            assert split.images.open(at).read() == content
            assert int(split.labels[at]) == row["label"]
        assert split.names[3] == f"{path.name}/000003"


def test_an_epoch_is_the_same_for_all_workers_ranks_and_starts(tmp_path: Path) -> None:
    for number in range(3):
        parquet_file(tmp_path / "x" / f"{number}.parquet", 40 * number, 40)
    data = open_data(tmp_path / "x", memory_limit=0)
    memory = open_data(tmp_path / "x")
    assert memory.train.names == data.train.names
    order = shuffled(data.train, generator=generator(3))[:72]
    views = Views(data.policy, 16, generator)

    def epoch(some: object = data, **options: int) -> list[torch.Tensor]:
        found = batches(some.train, order, batch_size=12, device="cpu", views=views, **options)
        return [batch.images for batch in found]

    whole = epoch()
    assert all(map(torch.equal, epoch(memory), whole))
    assert all(map(torch.equal, epoch(workers=2), whole))
    assert all(map(torch.equal, epoch(start=2, workers=2), whole[2:]))
    ranks = [epoch(rank=rank, world=2) for rank in range(2)]
    for one, shares in zip(whole, zip(*ranks, strict=True), strict=True):
        assert torch.equal(one, torch.cat(shares))


def test_each_row_group_of_an_epoch_is_read_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(3):
        parquet_file(tmp_path / "x" / f"{number}.parquet", 40 * number, 40)
    data = open_data(tmp_path / "x", memory_limit=0, workers=0)
    read: list[int] = []
    real = parquet.ParquetFile.read_row_group
    monkeypatch.setattr(
        parquet.ParquetFile,
        "read_row_group",
        lambda self, group, **more: (read.append(group), real(self, group, **more))[1],
    )
    order = shuffled(data.train, generator=generator(0))
    fresh = pickle.loads(pickle.dumps(data.train))  # with nothing kept
    assert len(list(batches(fresh, order, batch_size=10, device="cpu"))) == -(-len(order) // 10)
    assert sorted(read) == sorted(3 * [0, 1, 2, 3])


def test_old_row_groups_are_let_go(tmp_path: Path) -> None:
    path = parquet_file(tmp_path / "x.parquet", 0, 40, group=10)
    groups = RowGroups(Store((str(path),), 0), "image", room=2 * 12 * len(picture(0)))
    for row in (0, 10, 20, 0, 39):
        assert groups.read(0, row // 10, row % 10) == picture(row)
        assert len(groups._kept) <= 2
    assert list(groups._kept) == [(0, 0), (0, 3)]
    tight = RowGroups(groups.store, "image", room=0)
    assert tight.read(0, 1, 1) == picture(11)
    assert len(tight._kept) == 1
    copy = pickle.loads(pickle.dumps(groups))
    assert not copy._kept and copy.read(0, 2, 5) == picture(25)


def test_the_window_is_bounded_by_memory() -> None:
    places = torch.zeros(10_000, 4, dtype=torch.int64).numpy()
    local, remote = (Store((f"{start}a.tar",) * 20, 0) for start in ("", "http://x/"))
    for store, total, grouped, window in (
        (local, 10_000 * 100_000, True, (256 << 20) // 100_000),
        (local, 10_000 * 100_000, False, 16_384),
        (local, 10_000, True, 16_384),
        (local, 10_000 << 30, True, 1),
        (remote, 10_000, False, 8 * 500),
        (remote, 10_000 * 100_000, True, (256 << 20) // 100_000),
    ):
        assert window_for(store, places, total, grouped=grouped) == window


def written(path: Path, **columns: object) -> Path:
    parquet.write_table(pa.table(columns), path)
    return path


def test_columns_by_their_usual_names_or_their_kind(tmp_path: Path) -> None:
    images = [picture(at) for at in range(6)]
    found = index_parquet(
        written(tmp_path / "a.parquet", id=list(range(6)), jpg=images, thumb=images,
                label=["owl", "crow", None, "owl", "owl", "crow"])
    )  # fmt: skip
    assert found.column == "jpg"
    assert found.labels == ["owl", "crow", "owl", "owl", "crow"]
    assert (found.first, found.second) == ([0] * 5, [0, 1, 3, 4, 5])
    assert found.broken == [("000002", "it has no label")]
    found = index_parquet(written(tmp_path / "b.parquet", photo=images, kind=[3] * 6))
    assert (found.column, found.labels) == ("photo", ["3"] * 6)
    assert found.classes is None
    for columns in (
        {"photo": images, "scan": images, "label": [1] * 6},
        {"photo": images, "left": [1] * 6, "right": [2] * 6},
        {"label": [1] * 6},
    ):
        with pytest.raises(InputError, match=r"c.parquet has the columns .*expected one of bytes"):
            index_parquet(written(tmp_path / "c.parquet", **columns))


def test_rows_without_bytes_are_broken_images(tmp_path: Path) -> None:
    images = [{"bytes": picture(at), "path": "x"} for at in range(60)]
    images[7] = {"bytes": None, "path": "gone.png"}
    path = written(tmp_path / "x.parquet", image=images, label=[at % 2 for at in range(60)])
    data = open_data(path, memory_limit=0)
    assert [(f.name, f.reason) for f in data.broken] == [
        ("x.parquet/000007", "its row holds no bytes")
    ]
    groups = RowGroups(Store((str(path),), 0), "image", room=0)
    with pytest.raises(BrokenImage, match="holds no bytes"):
        groups.read(0, 0, 7)


def test_damaged_files(tmp_path: Path) -> None:
    whole = parquet_file(tmp_path / "x.parquet", 0, 40).read_bytes()
    for content in (b"", b"text", whole[: len(whole) // 2], whole[:-4] + b"PAR2"):
        (tmp_path / "x.parquet").write_bytes(content)
        with pytest.raises(InputError, match=r"x\.parquet cannot be read as a Parquet file"):
            open_data(tmp_path / "x.parquet")


def test_labels_that_are_no_classes(tmp_path: Path) -> None:
    images = [picture(at) for at in range(40)]
    path = written(tmp_path / "x.parquet", image=images, label=[-1, *range(39)])
    with pytest.raises(InputError, match="has the label -1, expected 0 to 38; count"):
        open_data(path)
    path = parquet_file(tmp_path / "y.parquet", 0, 40, names=("crow", "owl"))
    with pytest.raises(InputError, match="has the label 2, expected 0 to 1, the classes that are"):
        open_data(path)
