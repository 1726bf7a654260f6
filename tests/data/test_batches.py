import gc
import multiprocessing
from pathlib import Path

import pytest
import torch
from data_samples import Make

from plusx.data import Batch, Data, InMemory, OnDisk, Policy, Views, augment, batches, open_data
from plusx.errors import InputError


@pytest.fixture
def disk(make: Make) -> Data:
    return open_data(str(make("pets", {"cat": 30, "dog": 30})), memory_limit=0)


def generator(number: int) -> torch.Generator:
    return torch.Generator().manual_seed(1000 + number)


CROPS = Views(Policy(0, True, (0, 0, 0), area=(0.25, 1.0)), 12, generator)
WINDOWS = Views(Policy(2, True, (9, 9, 9)), 16, generator)


def listed(data: Data, order: torch.Tensor, **options: object) -> list[Batch]:
    return list(batches(data.train, order, batch_size=8, device="cpu", **options))


def test_memory_and_disk_give_the_same(make: Make) -> None:
    folder = str(make("pets", {"cat": 30, "dog": 30}))
    disk, memory = open_data(folder, memory_limit=0), open_data(folder)
    assert isinstance(disk.train.images, OnDisk)
    assert isinstance(memory.train.images, InMemory)
    assert memory.in_memory and not disk.in_memory
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


def same(one: Batch, other: Batch) -> bool:
    return (
        torch.equal(one.images, other.images)
        and torch.equal(one.labels, other.labels)
        and torch.equal(one.indices, other.indices)
        and one.broken == other.broken
    )


@pytest.mark.parametrize("views", [CROPS, WINDOWS])
def test_views_of_images_in_memory_are_augment(make: Make, views: Views) -> None:
    data = open_data(str(make("pets", {"cat": 30, "dog": 30})))
    order = torch.arange(20)
    plain, seen = listed(data, order), listed(data, order, views=views)
    for number, (one, other) in enumerate(zip(plain, seen, strict=True)):
        expected = augment(one.images, views.policy, size=views.size, generator=generator(number))
        assert torch.equal(other.images, expected)


@pytest.mark.parametrize("views", [None, CROPS, WINDOWS])
@pytest.mark.parametrize("limit", [0, None])
def test_shares_workers_and_starts_make_no_difference(
    make: Make, views: Views | None, limit: int | None
) -> None:
    data = open_data(str(make("pets", {"cat": 30, "dog": 30})), memory_limit=limit)
    order = torch.randperm(len(data.train), generator=generator(0))[:32]
    whole = listed(data, order, views=views)
    assert [len(batch.images) for batch in whole] == [8] * 4
    for workers, start in ((2, 0), (0, 1), (2, 3)):
        found = listed(data, order, views=views, workers=workers, start=start)
        for one, other in zip(whole[start:], found, strict=True):
            assert same(one, other)
    for world in (2, 4):
        ranks = [listed(data, order, views=views, rank=r, world=world) for r in range(world)]
        for one, shares in zip(whole, zip(*ranks, strict=True), strict=True):
            assert torch.equal(one.images, torch.cat([share.images for share in shares]))
            assert torch.equal(one.labels, torch.cat([share.labels for share in shares]))
            assert torch.equal(one.indices, torch.cat([share.indices for share in shares]))


def ids(data: Data, order: torch.Tensor, **options: object) -> set[int]:
    """The worker processes that are there after a pass."""
    listed(data, order, **options)
    return {process.pid or 0 for process in multiprocessing.active_children()}


def test_workers_stay_from_epoch_to_epoch_and_end_with_the_data(make: Make) -> None:
    data = open_data(str(make("pets", {"cat": 30, "dog": 30})), memory_limit=0)
    order = torch.arange(len(data.train))
    before = {process.pid for process in multiprocessing.active_children()}
    first = ids(data, order, workers=2, views=CROPS) - before
    assert 1 <= len(first) <= 2
    later = Views(CROPS.policy, CROPS.size, lambda n: generator(n + 50))  # of another epoch
    alone = listed(data, order.flip(0), views=later)
    for _ in range(2):
        found = listed(data, order.flip(0), workers=2, views=later)
        assert all(same(a, b) for a, b in zip(alone, found, strict=True))
    assert ids(data, order, workers=2, views=later) - before == first
    assert len(ids(data, order, workers=2) - before) == 2 * len(first)  # whole images: others
    del data
    gc.collect()
    assert not {process.pid for process in multiprocessing.active_children()} - before


def test_a_pass_that_was_left_leaves_nothing_to_the_next(disk: Data) -> None:
    order = torch.arange(40)
    whole = listed(disk, order, views=CROPS)
    for left in (1, 3):
        early = batches(disk.train, order, batch_size=8, device="cpu", workers=2, views=CROPS)
        for _, one in zip(range(left), early):
            assert one.indices.tolist()
        early.close()
        again = listed(disk, order, workers=2, views=CROPS)
        assert all(same(a, b) for a, b in zip(whole, again, strict=True))
    one, other = (
        batches(disk.train, order, batch_size=8, device="cpu", workers=2, views=CROPS)
        for _ in range(2)
    )
    for expected, a, b in zip(whole, one, other, strict=True):  # at the same time
        assert same(expected, a) and same(expected, b)


def test_a_pass_that_failed_is_no_end(disk: Data) -> None:
    assert isinstance(disk.train.images, OnDisk)
    order = torch.arange(16)
    whole = listed(disk, order, workers=2)
    path = disk.train.images.files.path
    path.rename(path.with_name("away"))
    with pytest.raises(InputError, match="none of 16 images can be read any more"):
        listed(disk, order, workers=2)
    path.with_name("away").rename(path)
    assert all(same(a, b) for a, b in zip(whole, listed(disk, order, workers=2), strict=True))


@pytest.mark.parametrize("views", [CROPS, WINDOWS])
def test_what_is_left_of_a_batch_is_seen_as_before(disk: Data, views: Views) -> None:
    assert isinstance(disk.train.images, OnDisk)
    order = torch.tensor([3, 1, 4, 1, 5, 9, 2, 6])
    (whole,) = listed(disk, order, views=views)
    assert not torch.equal(whole.images[1], whole.images[3])  # one image, seen twice
    (disk.train.images.files.path / disk.train.names[1]).unlink()
    (rest,) = listed(disk, order, views=views)
    assert rest.indices.tolist() == [3, 4, 5, 9, 2, 6]
    assert torch.equal(rest.images, whole.images[[0, 2, 4, 5, 6, 7]])
    assert len(rest.broken) == 2


def test_one_of_several_processes_leaves_no_batch_out(disk: Data) -> None:
    assert isinstance(disk.train.images, OnDisk)
    for index in range(8, 12):
        (disk.train.images.files.path / disk.train.names[index]).unlink()
    with pytest.raises(InputError, match="none of 4 images can be read any more"):
        listed(disk, torch.arange(24), rank=0, world=2)
    assert [len(batch.indices) for batch in listed(disk, torch.arange(24))] == [8, 4, 8]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"world": 3}, "batch 0 has 8 images for 3 processes, expected a multiple of 3"),
        ({"world": 4, "start": 2}, "batch 2 has 6 images for 4"),
        ({"rank": 2, "world": 2}, "rank is 2 of 2"),
        ({"rank": -1}, "rank is -1 of 1"),
        ({"start": -1}, "start is -1"),
    ],
)
def test_shares_that_are_none(disk: Data, options: dict[str, int], words: str) -> None:
    with pytest.raises(InputError, match=words):
        batches(disk.train, torch.arange(22), batch_size=8, device="cpu", **options)
    with pytest.raises(InputError, match="batch_size is 0"):
        batches(disk.train, torch.arange(22), batch_size=0, device="cpu")


def test_only_what_is_asked_is_read(disk: Data, monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[int] = []
    real = OnDisk.open
    monkeypatch.setattr(OnDisk, "open", lambda self, at: (opened.append(at), real(self, at))[1])
    list(
        batches(
            disk.train, torch.arange(32), batch_size=8, device="cpu", start=2, rank=1, world=2,
            views=CROPS,
        )
    )  # fmt: skip
    assert opened == [*range(20, 24), *range(28, 32)]
