from pathlib import Path

import pytest
import torch
from data_samples import Make

from plusx.data import Batch, Data, InMemory, OnDisk, batches, open_data
from plusx.errors import InputError


@pytest.fixture
def disk(make: Make) -> Data:
    return open_data(str(make("pets", {"cat": 30, "dog": 30})), memory_limit=0)


def listed(data: Data, order: torch.Tensor, **options: int) -> list[Batch]:
    return list(batches(data.train, order, batch_size=8, device="cpu", **options))


def test_memory_and_disk_give_the_same(make: Make) -> None:
    folder = str(make("pets", {"cat": 30, "dog": 30}))
    disk, memory = open_data(folder, memory_limit=0), open_data(folder)
    assert isinstance(disk.train.images, OnDisk)
    assert isinstance(memory.train.images, InMemory)
    assert disk.input == memory.input
    order = torch.randperm(len(disk.train), generator=torch.Generator().manual_seed(0))
    for workers in (0, 2):
        state = torch.get_rng_state()
        pairs = list(zip(listed(disk, order, workers=workers), listed(memory, order), strict=True))
        assert torch.equal(torch.get_rng_state(), state)
        for one, other in pairs:
            assert torch.equal(one.images, other.images)
            assert torch.equal(one.labels, other.labels)
            assert torch.equal(one.indices, other.indices)
    seen = torch.cat([batch.indices for batch in listed(disk, order)])
    assert torch.equal(seen, order)
    assert torch.equal(disk.train.images.read(5), memory.train.images.read(5))


@pytest.mark.parametrize("limit", [0, None])
def test_start_skips_whole_batches(make: Make, limit: int | None) -> None:
    data = open_data(str(make("pets", {"cat": 30, "dog": 30})), memory_limit=limit)
    order = torch.arange(len(data.train))
    rest = listed(data, order, start=2)
    assert torch.equal(rest[0].indices, order[16:24])
    assert listed(data, order, start=100) == []
    assert listed(data, order[:0]) == []


def test_a_file_that_breaks_later_is_left_out(disk: Data) -> None:
    assert isinstance(disk.train.images, OnDisk)
    root = disk.train.images.files.path
    (root / disk.train.names[1]).write_text("gone bad")
    (root / disk.train.names[9]).unlink()
    first, second, *_ = listed(disk, torch.arange(24), workers=2)
    assert first.indices.tolist() == [0, 2, 3, 4, 5, 6, 7]
    assert torch.equal(first.labels, disk.train.labels[first.indices])
    assert [file.name for file in first.broken] == [disk.train.names[1]]
    assert "No such file" in second.broken[0].reason


@pytest.mark.parametrize("at", [0, 1, 2])
def test_a_batch_of_broken_files_is_passed_over(disk: Data, at: int) -> None:
    assert isinstance(disk.train.images, OnDisk)
    lost = [disk.train.names[index] for index in range(8 * at, 8 * at + 8)]
    for name in lost:
        (disk.train.images.files.path / name).write_bytes(b"")
    found = listed(disk, torch.arange(24))
    assert [len(batch.indices) for batch in found] == [8, 8]
    assert [file.name for batch in found for file in batch.broken] == lost


def test_nothing_left_is_an_error(disk: Data, tmp_path: Path) -> None:
    (tmp_path / "pets").rename(tmp_path / "elsewhere")
    with pytest.raises(InputError, match="none of 24 images can be read any more"):
        listed(disk, torch.arange(24))


def test_split_to_a_device(disk: Data) -> None:
    memory = open_data("digits").train.to("meta")
    assert isinstance(memory.images, InMemory)
    assert memory.images.pixels.device.type == "meta"
    assert isinstance(disk.train.to("cpu").images, OnDisk)
    assert len(memory) == len(memory.images)
