import os
import time
from multiprocessing import get_context
from pathlib import Path

import pytest
import torch
from shard_samples import parquet_file, served, tar_shard, tar_shards

from plusx.data import batches, open_data, shuffled
from plusx.data.cache import cache_folder
from plusx.data.shards import store as store_file
from plusx.data.shards.images import InShards
from plusx.data.shards.store import Store
from plusx.errors import InputError

MANY = 1 << 30


def kept() -> list[Path]:
    return sorted((cache_folder() / "shards" / "files").glob("[!.]*"))


def test_shards_are_fetched_once(tmp_path: Path) -> None:
    folder = tar_shards(tmp_path / "served", (50, 50, 20))
    with served(folder) as (url, asked):
        source = f"{url}/shard-{{000..002}}.tar"
        data = open_data(source, memory_limit=0, workers=0)
        assert data.name == "shard"
        assert sorted(asked) == ["shard-000.tar", "shard-001.tar", "shard-002.tar"]
        assert any("fetched once each" in note for note in data.notes)
        order = shuffled(data.train, generator=torch.Generator().manual_seed(0))
        found = list(batches(data.train, order, batch_size=10, device="cpu", workers=2))
        assert sum(len(batch.indices) for batch in found) == len(data.train)
        again = open_data(source, memory_limit=0, workers=0)
        assert len(asked) == 3
    local = open_data(folder, memory_limit=0)
    for remote in (data, again):  # the last was opened from what is kept
        assert remote.input == local.input
        assert remote.train.names == local.train.names
        assert torch.equal(remote.train.images.read(5), local.train.images.read(5))


def test_pieces_of_a_url_are_whole_shards(tmp_path: Path) -> None:
    folder = tar_shards(tmp_path / "served", (300, 300))
    with served(folder) as (url, _):
        images = open_data(f"{url}/shard-{{000..001}}.tar", memory_limit=0).train.images
    assert isinstance(images, InShards)
    assert images.chunks().of.unique().numel() == 2
    local = open_data(folder, memory_limit=0).train.images
    assert isinstance(local, InShards)
    assert local.chunks().of.unique().numel() == 4


def test_parquet_and_splits_by_url(tmp_path: Path) -> None:
    parquet_file(tmp_path / "train-0.parquet", 0, 40)
    parquet_file(tmp_path / "test-0.parquet", 40, 9)
    with served(tmp_path) as (url, _):
        data = open_data(f"{url}/{{train,test}}-0.parquet?download=true", memory_limit=0)
    assert len(data.test) == 9 and len(data.train) + len(data.val) == 40


def test_a_full_cache_lets_the_oldest_go(tmp_path: Path) -> None:
    folder = tar_shards(tmp_path / "served", (20, 20, 20))
    size = (folder / "shard-000.tar").stat().st_size
    with served(folder) as (url, asked):
        locations = tuple(f"{url}/shard-00{at}.tar" for at in range(3))
        store = Store(locations, 2 * size + size // 2)
        store.path(0)
        time.sleep(0.01)
        store.path(1)
        time.sleep(0.01)
        store.path(0)  # used again: 1 is the oldest now
        time.sleep(0.01)
        store.path(2)
        assert [path.name[-7:] for path in kept()].count("001.tar") == 0
        assert len(kept()) == 2 and len(asked) == 3
        assert store.using(1, Path.read_bytes) == (folder / "shard-001.tar").read_bytes()
        assert len(asked) == 4
        Store(locations, 0).path(0)
        data = open_data(f"{url}/shard-{{000..002}}.tar", memory_limit=0, cache_limit=0, workers=0)
        assert len(kept()) == 1
        order = torch.arange(len(data.train))
        found = list(batches(data.train, order, batch_size=10, device="cpu", workers=2))
        assert sum(len(batch.indices) for batch in found) == len(data.train)


def test_a_shard_that_vanishes_before_it_is_opened(tmp_path: Path) -> None:
    folder = tar_shards(tmp_path / "served", (20,))
    with served(folder) as (url, asked):
        store = Store((f"{url}/shard-000.tar",), MANY)
        path = store.path(0)
        turns: list[int] = []

        def read(there: Path) -> bytes:
            turns.append(1)
            if len(turns) == 1:
                path.unlink()
            return there.read_bytes()

        assert store.using(0, read) == (folder / "shard-000.tar").read_bytes()
        assert len(turns) == 2 and len(asked) == 2
    local = Store((str(tmp_path / "absent.tar"),), MANY)
    with pytest.raises(FileNotFoundError):
        local.using(0, Path.read_bytes)


def _fetch(url: str, cache: str) -> None:
    os.environ["XDG_CACHE_HOME"] = cache
    Store((url,), MANY).path(0)


def test_several_processes_fetch_a_shard_once(tmp_path: Path) -> None:
    folder = tar_shards(tmp_path / "served", (50,))
    with served(folder) as (url, asked):
        context = get_context("fork")
        some = [
            context.Process(
                target=_fetch, args=(f"{url}/shard-000.tar", os.environ["XDG_CACHE_HOME"])
            )
            for _ in range(3)
        ]
        for process in some:
            process.start()
        for process in some:
            process.join()
        assert [process.exitcode for process in some] == [0, 0, 0]
        assert asked == ["shard-000.tar"]


def test_what_cannot_be_fetched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store_file, "_PAUSE", 0.0)
    tar_shard(tmp_path / "shard-000.tar", 0, 40)
    with served(tmp_path) as (url, asked):
        for workers in (0, 2):
            with pytest.raises(InputError, match=r"shard-001.tar cannot be fetched \(HTTP.* 404"):
                open_data(f"{url}/shard-{{000..001}}.tar", memory_limit=0, workers=workers)
        assert asked.count("shard-001.tar") == 2  # a refusal is not asked for again
    tries: list[str] = []

    def broken(address: str, path: Path, **more: object) -> None:
        tries.append(address)
        raise OSError("reset by peer")

    monkeypatch.setattr(store_file, "download", broken)
    with pytest.raises(InputError, match=r"cannot be fetched \(reset by peer\), expected a shard"):
        Store((f"{url}/shard-002.tar",), MANY).path(0)
    assert len(tries) == 3
    assert len(kept()) == 1


def test_a_url_of_something_else(tmp_path: Path) -> None:
    for source in ("https://localhost/pets", "http://localhost/pets.zip"):
        with pytest.raises(InputError, match=r"holds others, expected \.tar files"):
            open_data(source)
