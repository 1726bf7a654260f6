"""The search for a learning rate: known curves, and no trace left behind."""

import json
import math
import random

import matplotlib
import numpy as np
import pytest
import torch
from curves import swept

from plusx import InputError
from plusx.train.find_rate import find_rate, judged, smooth
from plusx.train.setup import Setup

matplotlib.use("Agg")


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
