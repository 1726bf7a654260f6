"""The search for a learning rate and a batch size: oracles by hand, and no trace left behind."""

import json
import math
import random
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from itertools import repeat
from pathlib import Path

import matplotlib
import numpy as np
import pytest
import torch
from lightning_fabric.plugins import MixedPrecision
from test_run import SHORT
from watchers import Silent

from plusx import InputError
from plusx.cli.find import find
from plusx.data import Data, InMemory, Split
from plusx.train import find_batch, try_batch
from plusx.train import find_rate as find_rate_module
from plusx.train.find_batch import BatchFound, find_batch_size, largest_fitting, stops_growing
from plusx.train.find_rate import RateFound, find_rate, judged, smooth
from plusx.train.folder import RunFolder
from plusx.train.noise import measured_noise, noise_scale
from plusx.train.prepare import prepare, set_up
from plusx.train.ranks import Ranks
from plusx.train.setup import Setup
from plusx.train.trial import trial, trial_batches, trial_step
from plusx.train.try_batch import Measured

matplotlib.use("Agg")
CONFIG = replace(SHORT, batch_size=64, optimizer="nesterov", ema=0.9, mixup=0.2)


@pytest.fixture(scope="module")
def setup(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Setup]:
    torch.set_num_threads(1)
    alone = Ranks(0, 1, torch.device("cpu"))
    with RunFolder.create(tmp_path_factory.mktemp("find") / "r") as folder:
        yield set_up(CONFIG, folder, Silent(), alone)


def swept(loss_of: "np.ufunc | object", steps: int = 101) -> tuple[list[float], list[float]]:
    """Rates from 1e-5 to 1e2, and a loss at each."""
    rates = [float(r) for r in np.logspace(-5, 2, steps)]
    return rates, [float(loss_of(rate)) for rate in rates]  # type: ignore[operator]


def test_the_steepest_rate_of_a_known_curve_is_found() -> None:
    # a step down around 1e-2 in log10(rate): the derivative of tanh is largest in its middle
    rates, losses = swept(lambda r: 2 - math.tanh(2 * (math.log10(r) + 2)))
    found = judged(rates, losses)
    assert found.chosen == pytest.approx(1e-2, rel=0.1)  # it does not lag behind
    assert found.diverged is None and "did not diverge" in found.reason


def test_what_follows_a_bump_is_not_looked_at() -> None:
    # a gentle way down around 1e-3, a bump at 0.2, and a steep way down behind it
    def loss(rate: float) -> float:
        x = math.log10(rate)
        return 2.5 - 0.5 * math.tanh(2 * (x + 3)) + 3 * math.exp(-(((x + 0.7) / 0.3) ** 2))

    rates, losses = swept(loss)
    assert judged(rates, losses).chosen == pytest.approx(1e-3, rel=0.3)


def test_divergence_is_named_and_changes_no_choice() -> None:
    rates, losses = swept(lambda r: 2 - math.tanh(2 * (math.log10(r) + 2)))
    end = next(at for at, rate in enumerate(rates) if rate > 3)
    losses = [*losses[:end], 20.0, math.inf]
    found = judged(rates[: end + 2], losses)
    assert found.chosen == pytest.approx(1e-2, rel=0.1)
    assert found.diverged == rates[end + 1] and f"diverges at {rates[end + 1]:.3g}" in found.reason
    assert json.loads(found.to_json())["losses"][-1] is None
    assert "chosen" in found.table() and "diverged" in found.table()
    assert found.plot().get_xscale() == "log"
    matplotlib.pyplot.close("all")


def test_noise_that_goes_nowhere_gives_no_rate() -> None:
    drawn = random.Random(0)
    rates, losses = swept(lambda r: 2.3 + drawn.gauss(0, 0.1))
    found = judged(rates, losses)
    assert found.chosen is None and "No learning rate" in found.reason
    rising = judged(*swept(lambda r: 2.3 + r))
    assert rising.chosen is None


def test_the_running_mean_is_the_weighted_mean() -> None:
    losses = [3.0, 1.0, 4.0, 1.5]
    for count, mean in enumerate(smooth(losses, 0.8), 1):
        weights = [0.8 ** (count - 1 - i) for i in range(count)]
        assert mean == pytest.approx(np.average(losses[:count], weights=weights))


def test_a_search_repeats_and_leaves_everything_as_it_was(setup: Setup) -> None:
    before = {n: t.clone() for n, t in setup.network.state_dict().items()}
    average = json.dumps(setup.average.updates) if setup.average else ""
    torch.manual_seed(5)
    drawn = torch.rand(1)
    torch.manual_seed(5)
    found = find_rate(setup, steps=90)
    assert torch.equal(torch.rand(1), drawn)
    assert find_rate(setup, steps=90) == found
    for name, tensor in setup.network.state_dict().items():
        assert torch.equal(tensor, before[name]), name
    assert setup.average is not None and json.dumps(setup.average.updates) == average
    assert all(p.grad is None for p in setup.network.parameters())
    assert not setup.optimizer.state_dict()["state"]
    assert {p.name for p in setup.run.path.iterdir()} <= {"config.json", "log.txt", ".lock"}
    assert found.chosen is not None and 1e-3 < found.chosen < 10
    assert found.diverged is not None and len(found.rates) < 90
    stop = 4 * min(found.smoothed[:-1])
    assert found.smoothed[-1] > stop or not math.isfinite(found.smoothed[-1])
    assert all(mean <= stop for mean in found.smoothed[:-1])


def test_a_trial_step_is_a_step_of_training_at_that_rate(setup: Setup) -> None:
    """Against SGD by hand on the gradient that the step leaves."""
    weight = setup.network.head.get_parameter("linear.weight")
    start = weight.detach().clone()
    with trial(setup, steps=2, mixup=0.0, momentum=0.0) as tried:
        for group in tried.optimizer.param_groups:
            group.update(momentum=0, nesterov=False)
        batch = next(trial_batches(tried, 32, 1))
        trial_step(tried, batch, step=0, rate=0.25)
        assert weight.grad is not None and len(batch.labels) == 32
        want = start - 0.25 * (weight.grad + CONFIG.following("usual").weight_decay * start)
        torch.testing.assert_close(weight.detach(), want)
    assert torch.equal(weight, start)


def test_a_trial_that_fails_is_undone_too(setup: Setup) -> None:
    before = [p.detach().clone() for p in setup.network.parameters()]
    with pytest.raises(KeyError), trial(setup, steps=1) as tried:
        trial_step(tried, next(trial_batches(tried, 32, 1)), step=0, rate=0.1)
        raise KeyError
    assert all(torch.equal(a, b) for a, b in zip(setup.network.parameters(), before, strict=True))


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"low": 1.0, "high": 0.1}, "low < high"),
        ({"low": -1.0}, "low < high"),
        ({"steps": 3}, "20"),
    ],
)
def test_wrong_sweeps_are_refused(setup: Setup, wrong: dict[str, float], said: str) -> None:
    with pytest.raises(InputError, match=said):
        find_rate(setup, **wrong)  # type: ignore[arg-type]


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


def test_the_noise_scale_of_known_noise() -> None:
    """Gradients G + noise of covariance s^2 I / b: B = tr(S) / |G|^2 = dim s^2 / |G|^2."""
    generator = torch.Generator().manual_seed(0)
    dim, small, parts, sigma = 2000, 16, 8, 3.0
    true = torch.randn(dim, generator=generator, dtype=torch.float64)
    groups = []
    for _ in range(4):
        noise = torch.randn(parts, dim, generator=generator, dtype=torch.float64)
        g = true + sigma / small**0.5 * noise
        groups.append((float(g.square().sum(1).mean()), float(g.mean(0).square().sum())))
    found = noise_scale(groups, small=small, parts=parts)
    want = dim * sigma**2 / float(true.square().sum())
    assert found is not None
    scale, low, high = found
    assert scale == pytest.approx(want, rel=0.1) and low < want < high


def test_two_gradients_give_the_scale_in_closed_form() -> None:
    # |g_b|^2 = |G|^2 + S / b with |G|^2 = 2, S = 100: 12 at b = 10, 3 at B = 100
    found = noise_scale([(12.0, 3.0)] * 3, small=10, parts=10)
    assert found == pytest.approx((50.0, 50.0, 50.0))


def test_an_unclear_noise_scale_is_none() -> None:
    assert noise_scale([(1.0, 0.01), (1.0, 0.3), (1.0, 0.1)], small=16, parts=8) is None
    assert noise_scale([(1.0, 1.1)] * 3, small=16, parts=8) is None  # no variance
    with pytest.raises(InputError):
        noise_scale([(1.0, 0.5)], small=16, parts=8)


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


@pytest.mark.parametrize(
    "tune", ["all", *(pytest.param(kind, marks=pytest.mark.full) for kind in ("gradual", "head"))]
)
def test_a_trial_leaves_all_as_it_was_also_when_memory_ends_in_a_step(
    monkeypatch: pytest.MonkeyPatch, tune: str
) -> None:
    """With fp16's scaler, which a CPU has too: a failure between unscaling and stepping."""
    config = replace(CONFIG, tune=tune, clip=0.1)  # type: ignore[arg-type]
    setup = prepare(config, reporter=Silent())
    scaler = torch.amp.GradScaler("cpu", init_scale=2.0**40, growth_interval=2)
    precision = MixedPrecision("16-mixed", "cpu", scaler)
    precision._desired_input_dtype = torch.bfloat16  # quick here
    monkeypatch.setattr(setup.fabric.strategy, "_precision", precision)
    setup.optimizer.optimizer._step_supports_amp_scaling = False

    def state() -> dict[str, object]:
        rates = [{k: v for k, v in group.items() if k != "params"} for group in groups()]
        return {
            "weights": {name: t.clone() for name, t in setup.network.state_dict().items()},
            "modes": [module.training for module in setup.network.modules()],
            "learning": [p.requires_grad for p in setup.network.parameters()],
            "gradients": [p.grad for p in setup.network.parameters()],
            "optimizer": (rates, dict(setup.optimizer.state)),
            "scaler": (id(precision.scaler), scaler.state_dict(), len(_per_optimizer(scaler))),
            "random": torch.get_rng_state().tolist(),
        }

    def groups() -> list[dict[str, object]]:
        return setup.optimizer.param_groups

    before = state()
    for size in (32, 64):
        assert try_batch.try_batch(setup, size) is not None
    assert same(state(), before)
    assert len(find_rate(setup, steps=20).rates) > 5
    assert same(state(), before)

    def full(*arguments: object, **options: object) -> None:
        raise torch.cuda.OutOfMemoryError("CUDA out of memory")

    with monkeypatch.context() as patch:
        patch.setattr(torch.optim.SGD, "step", full)
        patch.setattr(torch.amp.GradScaler, "step", full)  # the gradients are unscaled already
        assert try_batch.try_batch(setup, 32) is None
    assert same(state(), before)
    assert try_batch.try_batch(setup, 32) is not None  # it would be refused to unscale twice


def _per_optimizer(scaler: torch.amp.GradScaler) -> dict[int, object]:
    found: dict[int, object] = scaler._per_optimizer_states
    return found


def same(a: object, b: object) -> bool:
    """Equal, tensors to the bit."""
    if isinstance(a, torch.Tensor) and isinstance(b, torch.Tensor):
        return torch.equal(a, b)
    if isinstance(a, dict) and isinstance(b, dict):
        return a.keys() == b.keys() and all(same(a[key], b[key]) for key in a)
    return a == b


def test_the_noise_is_measured_from_gradients_of_the_first_weights(setup: Setup) -> None:
    assert measured_noise(setup, most=len(setup.data.train)) is not None
    assert measured_noise(replace(setup, data=few(setup.data, 20)), most=16) is None


def few(data: Data, count: int) -> Data:
    """The first images of a set alone."""
    train = data.train
    assert isinstance(train.images, InMemory)
    pixels = InMemory(train.images.pixels[:count])
    return replace(data, train=Split(pixels, train.labels[:count], train.names[:count]))


def test_the_command_prints_draws_and_returns(
    setup: Setup,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
) -> None:
    batch = BatchFound((Measured(8, 10.0, 1), Measured(16, 20.0, 2)), 16, True, 16, None, "Because")
    monkeypatch.setattr(find_batch, "find_batch_size", lambda setup, most: batch)
    tried: list[int] = []

    def rate(setup: Setup) -> RateFound:
        tried.append(setup.batch_size)
        return judged(*swept(lambda r: 2 - math.tanh(2 * (math.log10(r) + 2))))

    monkeypatch.setattr(find_rate_module, "find_rate", rate)
    plot = tmp_path / "found.png"
    assert find(lambda: setup, rate=True, batch_size=True, plot=plot) == 0
    said = capsys.readouterr().out
    assert "Because" in said and "Train with --batch-size 16 --learning-rate" in said
    assert "Batches of up to 65 are tried" in said and tried == [16]
    assert plot.read_bytes().startswith(b"\x89PNG")
    find(lambda: setup, batch_size=True, json_output=True)
    assert json.loads(capsys.readouterr().out)["batch_size"]["chosen"] == 16
    find(lambda: setup, rate=True)
    assert "Train with --batch-size 64 --learning-rate" in capsys.readouterr().out
    with pytest.raises(InputError, match="nothing to find"):
        find(lambda: setup)
    with pytest.raises(InputError, match=r"\.png"):
        find(lambda: setup, rate=True, plot=tmp_path / "found.txt")
