"""Trackers: what the packages are told, seen through modules that only write it down."""

import json
import sys
from dataclasses import dataclass, field, replace
from inspect import Parameter, Signature
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest
from test_run import SHORT
from watchers import Silent, StopsAt

from plusx import InputError
from plusx.analysis.evaluation import evaluation
from plusx.analysis.signal import PartSignal, Signal
from plusx.train import run
from plusx.train.config import TrainConfig
from plusx.train.curves import curves_of
from plusx.train.result import Epoch, Probe
from plusx.train.stop import StoppedError
from plusx.train.trackers import Tracking, open_trackers, track_names

CONFIG = TrainConfig(data="digits", model="resnet8", options={"stem": "small"})
TEST = evaluation(np.array([[0.9, 0.1], [0.2, 0.8], [0.6, 0.4]]), np.array([0, 1, 1]), ("a", "b"))


def epoch(number: int) -> Epoch:
    return Epoch(number, 10 * number, 0.1, 1.0, 0.5, 1.1, 0.4, 3.0, 100.0, 1)


def probe(step: int) -> Probe:
    signal = Signal(1.0, (PartSignal("stages.0(x)", 0.5, None),), ())
    return Probe(step, step / 10, signal)


# What the packages take: wandb 0.31.0 and mlflow 3.17.2, as far as it concerns us. Both were tried
# for real, offline and with a database of their own; here they only write down.
WANDB = {
    "init": "entity project dir id name notes tags config group job_type mode resume settings",
    "log": "data step commit",
    "define_metric": "name step_metric step_sync hidden summary overwrite",
    "finish": "exit_code",
    "update": "d",
}
MLFLOW = {
    "set_experiment": "experiment_name experiment_id trace_location",
    "start_run": "run_id experiment_id run_name nested parent_run_id tags description",
    "log_params": "params synchronous run_id",
    "log_metrics": "metrics step synchronous run_id timestamp model_id dataset",
    "end_run": "status",
}


@dataclass
class Calls:
    """Writes down (name, arguments) of every call that the real method would take."""

    takes: dict[str, str]
    made: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    failing: str = ""

    def method(self, name: str, result: object = None) -> Any:
        kind = Parameter.KEYWORD_ONLY if name == "init" else Parameter.POSITIONAL_OR_KEYWORD
        signature = Signature(
            [Parameter(word, kind, default=None) for word in self.takes[name].split()]
        )

        def call(*args: Any, **named: Any) -> object:
            self.made.append((name, dict(signature.bind(*args, **named).arguments)))
            if name == self.failing:
                raise ConnectionError("\nno network\nand a long story")
            return result

        return call

    def of(self, name: str) -> list[dict[str, Any]]:
        return [named for made, named in self.made if made == name]


@pytest.fixture
def wandb(monkeypatch: pytest.MonkeyPatch) -> Calls:
    calls = Calls(WANDB)
    run = SimpleNamespace(id="abc", summary=SimpleNamespace(update=calls.method("update")))
    for name in ("log", "define_metric", "finish"):
        setattr(run, name, calls.method(name))
    module = ModuleType("wandb")
    module.init = calls.method("init", run)  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "wandb", module)
    return calls


@pytest.fixture
def mlflow(monkeypatch: pytest.MonkeyPatch) -> Calls:
    calls = Calls(MLFLOW)
    module = ModuleType("mlflow")
    run = SimpleNamespace(info=SimpleNamespace(run_id="r1"))
    for name in ("set_experiment", "log_params", "log_metrics", "end_run"):
        setattr(module, name, calls.method(name))
    module.start_run = calls.method("start_run", run)  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "mlflow", module)
    return calls


def tracked(names: str, folder: Path, *, first_step: int = 0) -> list[str]:
    """Tell a run of two epochs to the trackers; return what was said."""
    said: list[str] = []
    with Tracking(open_trackers(names, folder), say=said.append, first_step=first_step) as tracking:
        tracking.start(CONFIG)
        tracking.write(epoch(1), [probe(0), probe(5)])
        tracking.write(epoch(2), [probe(0), probe(5), probe(15)])
        tracking.test(TEST)
    return said


def test_wandb_gets_settings_curves_probes_and_the_test(wandb: Calls, tmp_path: Path) -> None:
    assert tracked("wandb", tmp_path) == []
    (named,) = wandb.of("init")
    assert named["config"]["model"] == "resnet8" and named["dir"] == str(tmp_path)
    assert named["project"] == "plusx" and named["id"] is None
    logged = [named["data"] for named in wandb.of("log")]
    assert [line["step"] for line in logged] == [10, 0, 5, 20, 15]  # each probe once
    assert logged[0] == {**curves_of(epoch(1)), "step": 10}
    assert logged[1]["gradient/stages.0(x)"] == 0.5
    assert wandb.of("update")[0]["d"]["test/accuracy"] == pytest.approx(2 / 3)
    assert wandb.of("finish") == [{"exit_code": 0}]


def test_mlflow_gets_the_same_under_names_that_it_takes(mlflow: Calls, tmp_path: Path) -> None:
    assert tracked("mlflow", tmp_path) == []
    assert mlflow.of("set_experiment") == [{"experiment_name": "plusx"}]
    assert mlflow.of("log_params")[0]["params"]["options"] == "{'stem': 'small'}"
    logged = [(named["metrics"], named.get("step")) for named in mlflow.of("log_metrics")]
    assert [step for _, step in logged] == [10, 0, 5, 20, 15, None]
    assert logged[0][0] == curves_of(epoch(1))
    assert logged[1][0] == {"gradient/stages.0_x_": 0.5}
    assert mlflow.of("end_run") == [{"status": "FINISHED"}]


def test_a_resumed_run_goes_on_in_the_same_place(
    wandb: Calls, mlflow: Calls, tmp_path: Path
) -> None:
    tracked("wandb,mlflow", tmp_path)
    assert json.loads((tmp_path / "trackers.json").read_text()) == {"wandb": "abc", "mlflow": "r1"}
    wandb.made.clear(), mlflow.made.clear()
    tracked("wandb,mlflow", tmp_path, first_step=10)
    assert wandb.of("init")[0]["id"] == "abc" and wandb.of("init")[0]["resume"] == "allow"
    assert mlflow.of("start_run") == [{"run_id": "r1"}] and not mlflow.of("log_params")
    steps = [named["data"]["step"] for named in wandb.of("log")]
    assert steps == [10, 20, 15]  # the probes before the interruption are there already


@pytest.mark.parametrize("failing", ["init", "log", "update", "finish"])
def test_a_tracker_that_fails_says_so_once(
    wandb: Calls, mlflow: Calls, tmp_path: Path, failing: str
) -> None:
    wandb.failing = failing
    said = tracked("wandb, mlflow", tmp_path)
    assert said == ["wandb failed (no network); training goes on without it"]
    assert len(wandb.of(failing)) == 1
    assert len(mlflow.of("log_metrics")) == 6 and mlflow.of("end_run")


def test_a_run_that_breaks_off_is_marked(wandb: Calls, mlflow: Calls, tmp_path: Path) -> None:
    with pytest.raises(KeyError), Tracking(open_trackers("wandb,mlflow", tmp_path), say=print) as t:
        t.start(CONFIG)
        raise KeyError
    assert wandb.of("finish") == [{"exit_code": 1}]
    assert mlflow.of("end_run") == [{"status": "KILLED"}]


@pytest.mark.parametrize("name", ["wandb", "mlflow"])
def test_a_missing_package_names_the_extra(
    name: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(InputError, match=rf"pip install plusx\[{name}\]"):
        open_trackers(name, tmp_path)
    assert not list(tmp_path.iterdir())


def test_names_are_checked(wandb: Calls) -> None:
    assert track_names(None) == track_names(" ,") == ()
    assert track_names("wandb, wandb") == ("wandb",)
    with pytest.raises(InputError, match="did you mean 'wandb'"):
        track_names("wandbb")


@pytest.mark.parametrize("stop", [4, 8])
def test_tensorboard_reads_back_what_a_run_that_was_stopped_wrote(
    tmp_path: Path, stop: int
) -> None:
    """With TensorBoard's own reader: every epoch and probe once, as in the run's metrics."""
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    folder = tmp_path / "r"
    with pytest.raises(StoppedError):
        run.train(replace(SHORT, epochs=3), reporter=StopsAt(step=stop), out=folder)
    result = run.resume(folder, reporter=Silent())
    assert result is not None and result.test is not None
    read = EventAccumulator(str(folder / "tensorboard"))
    read.Reload()

    def curve(name: str) -> list[tuple[int, float]]:
        return [(event.step, event.value) for event in read.Scalars(name)]

    for name, value in curves_of(result.epochs[0]).items():
        steps, values = zip(*curve(name), strict=True)
        assert steps == tuple(epoch.step for epoch in result.epochs) and len(steps) == 3
        assert values[0] == pytest.approx(value)
    probes = {probe.step: probe.signal.parts[0].gradient for probe in result.probes}
    assert dict(curve("gradient/stem")) == pytest.approx(probes)
    assert [step for step, _ in curve("gradient/stem")] == sorted(probes)
    assert curve("test/accuracy") == [(0, pytest.approx(result.test.accuracy))]
