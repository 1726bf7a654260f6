"""Trackers: what the packages are told, seen through modules that only write it down."""

import json
import sys
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest

from plusx import InputError
from plusx.analysis.evaluation import evaluation
from plusx.analysis.signal import PartSignal, Signal
from plusx.train.config import TrainConfig
from plusx.train.result import Epoch, Probe
from plusx.train.trackers import Tracking, curves_of, open_trackers, track_names

CONFIG = TrainConfig(data="digits", model="resnet8", options={"stem": "small"})
TEST = evaluation(np.array([[0.9, 0.1], [0.2, 0.8], [0.6, 0.4]]), np.array([0, 1, 1]), ("a", "b"))


def epoch(number: int) -> Epoch:
    return Epoch(number, 10 * number, 0.1, 1.0, 0.5, 1.1, 0.4, 3.0, 100.0, 1)


def probe(step: int) -> Probe:
    signal = Signal(1.0, (PartSignal("stages.0(x)", 0.5, None),), ())
    return Probe(step, step / 10, signal)


@dataclass
class Calls:
    """Writes down (name, arguments) of every call."""

    made: list[tuple[str, Any, dict[str, Any]]] = field(default_factory=list)
    failing: str = ""

    def method(self, name: str, result: object = None) -> Any:
        def call(*args: Any, **named: Any) -> object:
            self.made.append((name, args, named))
            if name == self.failing:
                raise ConnectionError("no network\nand a long story")
            return result

        return call

    def of(self, name: str) -> list[tuple[Any, dict[str, Any]]]:
        return [(args, named) for made, args, named in self.made if made == name]


@pytest.fixture
def wandb(monkeypatch: pytest.MonkeyPatch) -> Calls:
    calls = Calls()
    run = SimpleNamespace(id="abc", summary=SimpleNamespace(update=calls.method("summary")))
    for name in ("log", "define_metric", "finish"):
        setattr(run, name, calls.method(name))
    module = ModuleType("wandb")
    module.init = calls.method("init", run)  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "wandb", module)
    return calls


@pytest.fixture
def mlflow(monkeypatch: pytest.MonkeyPatch) -> Calls:
    calls = Calls()
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
    (_, named), = wandb.of("init")  # fmt: skip
    assert named["config"]["model"] == "resnet8" and named["dir"] == str(tmp_path)
    assert named["project"] == "plusx" and named["id"] is None
    logged = [args[0] for args, _ in wandb.of("log")]
    assert [line["step"] for line in logged] == [10, 0, 5, 20, 15]  # each probe once
    assert logged[0] == {**curves_of(epoch(1)), "step": 10}
    assert logged[1]["gradient/stages.0(x)"] == 0.5
    assert wandb.of("summary")[0][0][0]["test/accuracy"] == pytest.approx(2 / 3)
    assert wandb.of("finish") == [((), {"exit_code": 0})]


def test_mlflow_gets_the_same_under_names_that_it_takes(mlflow: Calls, tmp_path: Path) -> None:
    assert tracked("mlflow", tmp_path) == []
    assert mlflow.of("set_experiment") == [(("plusx",), {})]
    assert mlflow.of("log_params")[0][0][0]["options"] == "{'stem': 'small'}"
    logged = [(args[0], named.get("step")) for args, named in mlflow.of("log_metrics")]
    assert [step for _, step in logged] == [10, 0, 5, 20, 15, None]
    assert logged[0][0] == curves_of(epoch(1))
    assert logged[1][0] == {"gradient/stages.0_x_": 0.5}
    assert mlflow.of("end_run") == [((), {"status": "FINISHED"})]


def test_a_resumed_run_goes_on_in_the_same_place(
    wandb: Calls, mlflow: Calls, tmp_path: Path
) -> None:
    tracked("wandb,mlflow", tmp_path)
    assert json.loads((tmp_path / "trackers.json").read_text()) == {"wandb": "abc", "mlflow": "r1"}
    wandb.made.clear(), mlflow.made.clear()
    tracked("wandb,mlflow", tmp_path, first_step=10)
    assert wandb.of("init")[0][1]["id"] == "abc" and wandb.of("init")[0][1]["resume"] == "allow"
    assert mlflow.of("start_run") == [((), {"run_id": "r1"})] and not mlflow.of("log_params")
    steps = [args[0]["step"] for args, _ in wandb.of("log")]
    assert steps == [10, 20, 15]  # the probes before the interruption are there already


@pytest.mark.parametrize("failing", ["init", "log", "summary", "finish"])
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
    assert wandb.of("finish") == [((), {"exit_code": 1})]
    assert mlflow.of("end_run") == [((), {"status": "KILLED"})]


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
