"""The search for a batch size: known limits, and a GPU that is full."""

import json
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from itertools import repeat

import matplotlib
import pytest
import torch

from plusx import InputError
from plusx.train import find_batch, try_batch
from plusx.train.find_batch import find_batch_size, largest_fitting, stops_growing
from plusx.train.find_rate import find_rate
from plusx.train.ranks import Ranks
from plusx.train.setup import Setup
from plusx.train.try_batch import Measured

matplotlib.use("Agg")


def test_several_processes_are_refused(setup: Setup) -> None:
    two = replace(setup, ranks=Ranks(0, 2, torch.device("cpu")))
    with pytest.raises(InputError, match="2 processes"):
        find_rate(two)
    with pytest.raises(InputError, match="2 processes"):
        find_batch_size(two)


@pytest.mark.parametrize("limit", [1, 2, 7, 8, 100, 999])
def test_the_search_by_halves_finds_the_largest(limit: int) -> None:
    asked: list[int] = []

    def fits(size: int) -> bool:
        asked.append(size)
        return size <= limit

    assert largest_fitting(fits, good=1, bad=1000, within=0) == limit
    assert len(asked) <= 11
    near = largest_fitting(lambda size: size <= limit, good=1, bad=1000, within=1 / 8)
    assert limit / (1 + 1 / 8) - 1 <= near <= limit


def test_growth_ends_where_no_larger_batch_is_faster() -> None:
    assert stops_growing([(8, 10.0), (16, 20.0), (32, 20.9), (64, 20.0)]) == 16
    assert stops_growing([(8, 10.0), (16, 9.0), (32, 20.0)]) == 32  # one slow size ends nothing
    assert stops_growing([(8, 10.0)]) == 8
    with pytest.raises(InputError):
        stops_growing([])


def test_a_batch_size_is_found(setup: Setup, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(try_batch, "SECONDS", 0.05)
    before = {n: t.clone() for n, t in setup.network.state_dict().items()}
    found = find_batch_size(setup, most=64)
    assert [row.batch_size for row in found.sizes] in ([8, 16, 32, 64], [8, 16, 32])
    assert found.chosen in [row.batch_size for row in found.sizes]
    assert found.largest == 64 and found.fits_all
    for name, tensor in setup.network.state_dict().items():
        assert torch.equal(tensor, before[name]), name
    assert "chosen" in found.table() and found.reason in found.table()
    assert json.loads(found.to_json())["chosen"] == found.chosen
    assert found.plot().get_xlabel() == "batch size"
    matplotlib.pyplot.close("all")
    with pytest.raises(InputError, match="2 or more"):
        find_batch_size(setup, most=1)
    monkeypatch.setattr(find_batch, "free_memory", lambda: 1000)  # bytes
    with pytest.raises(InputError, match="not even a batch of 2"):
        find_batch_size(setup)


def test_memory_bounds_the_search(setup: Setup, monkeypatch: pytest.MonkeyPatch) -> None:
    """With 10 MB for the growth and 100 kB an image: 80% of it are 80 images over the first 8."""
    monkeypatch.setattr(find_batch, "free_memory", lambda: 10_000_000)

    def measured(setup: Setup, size: int) -> Measured:
        return Measured(size, 100.0 * size, 50_000_000 + 100_000 * size)

    monkeypatch.setattr(find_batch, "try_batch", measured)
    found = find_batch_size(setup)
    assert [row.batch_size for row in found.sizes] == [8, 16, 32, 64]
    assert found.largest == 88 and found.chosen == 64 and not found.fits_all


def test_out_of_memory_is_no_error(setup: Setup, monkeypatch: pytest.MonkeyPatch) -> None:
    def taken(setup: Setup, batch: object, *, step: int, rate: float) -> float:
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 1 GiB")

    monkeypatch.setattr(try_batch, "trial_step", taken)
    assert try_batch.try_batch(setup, 8) is None
    with pytest.raises(InputError, match="not even a batch of 2"):
        find_batch_size(setup)

    def broken(setup: Setup, batch: object, *, step: int, rate: float) -> float:
        raise RuntimeError("shapes do not fit")

    monkeypatch.setattr(try_batch, "trial_step", broken)
    with pytest.raises(RuntimeError, match="shapes"):
        try_batch.try_batch(setup, 8)


@dataclass
class Gpu:
    """A GPU for which a batch of more than `limit` is too large, and what was asked of it."""

    limit: int
    asked: list[int] = field(default_factory=list)
    emptied: int = 0
    alive: list[weakref.ref[object]] = field(default_factory=list)

    def install(self, patch: pytest.MonkeyPatch) -> None:
        """Take the place of CUDA: of what the search asks it, and of the steps."""

        class Taken:
            """What a step holds when it fails."""

        def step(setup: Setup, batch: int, *, step: int, rate: float) -> float:
            if step == 0:
                self.asked.append(batch)
            if batch > self.limit:
                held = Taken()
                self.alive.append(weakref.ref(held))
                raise torch.cuda.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB")
            return 1.0

        @contextmanager
        def tried(setup: Setup, *, steps: int) -> Iterator[Setup]:
            yield setup

        def empty() -> None:
            self.emptied += 1
            assert not any(reference() for reference in self.alive), "it is freed first"

        patch.setattr(Setup, "device", property(lambda setup: torch.device("cuda")))
        patch.setattr(try_batch, "trial", tried)
        patch.setattr(try_batch, "trial_batches", lambda setup, size, count: repeat(size))
        patch.setattr(try_batch, "trial_step", step)
        patch.setattr(try_batch, "SECONDS", 0.0)
        patch.setattr(try_batch, "peak_memory", lambda device: 1)
        patch.setattr(torch.cuda, "reset_peak_memory_stats", lambda: None)
        patch.setattr(torch.cuda, "empty_cache", empty)
        patch.setattr(find_batch, "measured_noise", lambda setup, most: None)


@pytest.mark.parametrize("limit", [2, 3, 5, 7, 8, 100, 640, 1301])
def test_a_gpu_that_is_full_is_backed_off_from_and_freed(
    setup: Setup, monkeypatch: pytest.MonkeyPatch, limit: int
) -> None:
    gpu = Gpu(limit)
    gpu.install(monkeypatch)
    monkeypatch.setattr(find_batch, "stops_growing", lambda speeds: speeds[-1][0])  # only memory
    found = find_batch_size(setup)
    assert found.largest <= limit < max(2 + 1, (1 + 1 / 8) * found.largest + 1)
    assert found.chosen <= limit and found.fits_all == (limit == 1301)
    assert gpu.emptied == sum(size > limit for size in gpu.asked) <= 6
    assert max(gpu.asked) <= min(1301, 2 * limit + 6)


def test_a_gpu_that_holds_nothing_is_named(setup: Setup, monkeypatch: pytest.MonkeyPatch) -> None:
    gpu = Gpu(1)
    gpu.install(monkeypatch)
    with pytest.raises(InputError, match="not even a batch of 2 fits in memory"):
        find_batch_size(setup)
    assert gpu.asked == [8, 4, 2] and gpu.emptied == 3


def test_batches_pass_in_whole_parts(setup: Setup, monkeypatch: pytest.MonkeyPatch) -> None:
    Gpu(1301).install(monkeypatch)
    three = replace(setup, config=replace(setup.config, accumulate=3))
    found = find_batch_size(three)
    assert all(row.batch_size % 6 == 0 for row in found.sizes)
    assert "Batches pass in 3 parts" in found.reason
    with pytest.raises(InputError, match="largest batch to try is 5, expected 6 or more"):
        find_batch_size(three, most=5)
