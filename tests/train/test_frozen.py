"""Runs with frozen parts: no gradient is computed there, and nobody takes that for a fault."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from test_run import SHORT, curves, weights
from test_together import GROUPS, far, finish, start
from watchers import Silent, StopsAt

from plusx.analysis.signal import ActivationSignal, PartSignal, Signal
from plusx.data import batches
from plusx.report.training import build
from plusx.train import run
from plusx.train.folder import RunFolder
from plusx.train.health import health
from plusx.train.prepare import set_up
from plusx.train.ranks import Ranks
from plusx.train.result import Probe, TrainResult
from plusx.train.setup import Setup
from plusx.train.state import Progress
from plusx.train.step import take_step
from plusx.train.stop import StoppedError


@pytest.fixture
def head(tmp_path: Path) -> Iterator[Setup]:
    torch.set_num_threads(1)
    alone = Ranks(0, 1, torch.device("cpu"))
    with RunFolder.create(tmp_path / "r") as folder:
        yield set_up(replace(SHORT, tune="head"), folder, Silent(), alone)


def test_head_asks_no_gradient_of_the_rest(head: Setup) -> None:
    """Before anything is wrapped, and after a step: neither gradients nor what leads to them."""
    learning = set(head.network.head.parameters())
    assert {p for p in head.network.parameters() if p.requires_grad} == learning
    kept: list[torch.Size] = []
    batch = next(batches(head.data.train, torch.arange(64), batch_size=64, device="cpu"))

    def keep(tensor: torch.Tensor) -> torch.Tensor:
        kept.append(tensor.shape)
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        take_step(head, Progress(), batch, torch.zeros(3, dtype=torch.float64))
    assert not [shape for shape in kept if len(shape) == 4]  # no activation waits to be used
    assert {p for p in head.network.parameters() if p.grad is not None} == learning


@pytest.fixture(scope="module")
def tuned(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, TrainResult, Silent]:
    torch.set_num_threads(1)
    folder, told = tmp_path_factory.mktemp("tuned") / "r", Silent()
    result = run.train(replace(SHORT, tune="head"), reporter=told, out=folder)
    assert result is not None
    return folder, result, told


def test_a_frozen_part_is_called_frozen_not_broken(
    tuned: tuple[Path, TrainResult, Silent],
) -> None:
    _, result, told = tuned
    last = result.probes[-1].signal
    assert [part.gradient is None for part in last.parts] == [True] * 4 + [False]
    titles = [finding.title for finding in result.health.findings]
    assert "No gradient reaches a part of the network" not in titles
    assert not [title for title in titles if "vanishes" in title or "explodes" in title]
    assert any(line.startswith("tune head: 650 of ") for line in told.lines)
    assert "4 of 5 parts are frozen and get none" in build(result)
    assert last.table().count("frozen") == 4


def test_a_part_that_learns_and_gets_no_gradient_is_still_called_broken() -> None:
    for gradient, bad in ((None, False), (0.0, True)):
        parts = (PartSignal("stem", gradient, None), PartSignal("head", 1.0, None))
        seen = Signal(1.0, parts, (ActivationSignal("relu", 0.5, 1.0, 0.0),))
        found = health(
            epochs=(), probes=(Probe(0, 0.0, seen),), test=None, num_classes=2, num_val=10,
            broken=0, stopped=None,
        )  # fmt: skip
        assert (found.level == "bad") is bad


@pytest.mark.parametrize("stop", [3, 7])
@pytest.mark.parametrize("kind", ["head", "gradual"])
def test_a_stopped_run_goes_on_with_the_same_parts_frozen(
    tmp_path: Path, kind: str, stop: int
) -> None:
    config = replace(SHORT, tune=kind, ema=0.9)  # type: ignore[arg-type]
    run.train(config, reporter=Silent(), out=tmp_path / "whole")
    with pytest.raises(StoppedError):
        run.train(config, reporter=StopsAt(step=stop), out=tmp_path / "broken")
    run.resume(tmp_path / "broken", reporter=Silent())
    want = weights(tmp_path / "whole")
    assert all(torch.equal(t, want[key]) for key, t in weights(tmp_path / "broken").items())
    assert curves(tmp_path / "broken") == curves(tmp_path / "whole")


def test_gradual_thaws_in_a_run_and_its_probes_say_so(tmp_path: Path) -> None:
    config = replace(SHORT, tune="gradual")
    result = run.train(config, reporter=Silent(), out=tmp_path / "r")
    assert result is not None
    frozen = [sum(p.gradient is None for p in probe.signal.parts) for probe in result.probes]
    assert frozen[0] == 4 and frozen[-1] == 0 and frozen == sorted(frozen, reverse=True)


@pytest.mark.full
@pytest.mark.parametrize(("kind", "rate"), [("head", "0.5"), ("gradual", "0.02")])
def test_processes_together_freeze_as_one_alone(tmp_path: Path, kind: str, rate: str) -> None:
    for name, more in (("alone", ()), ("two", ("--devices", "2"))):
        finish(start(tmp_path / name, *GROUPS, "--tune", kind, *more, **{"learning-rate": rate}))
    assert far(tmp_path / "two", tmp_path / "alone") < 5e-5
    found, want = curves(tmp_path / "two"), curves(tmp_path / "alone")
    for a, b in zip(found, want, strict=True):
        if a["event"] == "epoch":
            assert a["train_loss"] == pytest.approx(b["train_loss"], rel=1e-6)
        if a["event"] == "probe":
            one, other = ([p["gradient"] is None for p in x["signal"]["parts"]] for x in (a, b))
            assert one == other and (a["step"] > 0 or one == [True] * 4 + [False])
