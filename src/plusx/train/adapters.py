"""Weights & Biases and MLflow as trackers of a run."""

import importlib
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from plusx.analysis.evaluation import Evaluation
from plusx.errors import InputError
from plusx.files import write_text
from plusx.train.config import TrainConfig
from plusx.train.curves import curves_of, figures_of, gradients_of
from plusx.train.result import Epoch, Probe

__all__ = ["Ids", "MlflowTracker", "WandbTracker", "imported"]


class WandbTracker:
    """A run of Weights & Biases in project "plusx", or that of WANDB_PROJECT."""

    name = "wandb"

    def __init__(self, folder: Path, ids: "Ids") -> None:
        self._module = imported("wandb")
        self._folder, self._ids = folder, ids
        self._run: Any = None

    def start(self, config: TrainConfig) -> None:
        """Open the run, its files in the run folder; a resumed run has the same id."""
        known = self._ids.get(self.name)
        self._run = self._module.init(
            project=os.environ.get("WANDB_PROJECT", "plusx"),
            name=self._folder.name,
            dir=str(self._folder),
            config=asdict(config),
            id=known,
            resume="allow" if known else None,
        )
        self._ids.put(self.name, str(self._run.id))
        # a step of its own: W&B's counter refuses what lies before it, as after a run went back
        self._run.define_metric("step")
        self._run.define_metric("*", step_metric="step")

    def epoch(self, epoch: Epoch) -> None:
        """Log the curves."""
        self._run.log({**curves_of(epoch), "step": epoch.step})

    def probes(self, probes: Sequence[Probe]) -> None:
        """Log the gradients."""
        for probe in probes:
            self._run.log({**gradients_of(probe), "step": probe.step})

    def test(self, result: Evaluation) -> None:
        """Put the test among the run's final figures."""
        self._run.summary.update(figures_of(result))

    def close(self, *, finished: bool) -> None:
        """Finish the run, or mark it as broken off: it can be resumed."""
        if self._run is not None:
            self._run.finish(exit_code=0 if finished else 1)


class MlflowTracker:
    """A run of MLflow in experiment "plusx", or that of MLFLOW_EXPERIMENT_NAME.

    Where it is kept says MLFLOW_TRACKING_URI; without it, MLflow's own default.
    """

    name = "mlflow"

    def __init__(self, folder: Path, ids: "Ids") -> None:
        self._module = imported("mlflow")
        self._folder, self._ids = folder, ids
        self._open = False

    def start(self, config: TrainConfig) -> None:
        """Open the run; a resumed run goes on in the same one, and its settings stand there."""
        known = self._ids.get(self.name)
        if known:
            run = self._module.start_run(run_id=known)
        else:
            self._module.set_experiment(os.environ.get("MLFLOW_EXPERIMENT_NAME", "plusx"))
            run = self._module.start_run(run_name=self._folder.name)
        self._open = True
        self._ids.put(self.name, str(run.info.run_id))
        if not known:  # MLflow refuses to change a parameter
            self._module.log_params({key: str(value) for key, value in asdict(config).items()})

    def epoch(self, epoch: Epoch) -> None:
        """Log the curves."""
        self._module.log_metrics(_mlflow_names(curves_of(epoch)), step=epoch.step)

    def probes(self, probes: Sequence[Probe]) -> None:
        """Log the gradients."""
        for probe in probes:
            self._module.log_metrics(_mlflow_names(gradients_of(probe)), step=probe.step)

    def test(self, result: Evaluation) -> None:
        """Log the test."""
        self._module.log_metrics(_mlflow_names(figures_of(result)))

    def close(self, *, finished: bool) -> None:
        """End the run, as FINISHED or KILLED."""
        if self._open:
            self._module.end_run(status="FINISHED" if finished else "KILLED")


class Ids:
    """What the trackers call this run, kept in `trackers.json` of the run folder."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / "trackers.json"

    def get(self, name: str) -> str | None:
        """Return the id under which `name` knows the run, None for a new one."""
        if not self._path.exists():
            return None
        found = json.loads(self._path.read_text(encoding="utf-8")).get(name)
        return None if found is None else str(found)

    def put(self, name: str, value: str) -> None:
        """Keep the id."""
        kept = json.loads(self._path.read_text(encoding="utf-8")) if self._path.exists() else {}
        write_text(self._path, json.dumps({**kept, name: value}, indent=2))


def _mlflow_names(figures: Mapping[str, float]) -> dict[str, float]:
    """Replace what MLflow takes in no name: all but letters, digits, _ - . / and space."""

    def clean(name: str) -> str:
        return "".join(c if c.isascii() and (c.isalnum() or c in "_-./ ") else "_" for c in name)

    return {clean(name): value for name, value in figures.items()}


def imported(name: str) -> Any:
    """Return a tracker's package; `InputError` with the extra that brings it if missing."""
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise InputError(
            f"--track {name} needs a package that is not installed ({error}); "
            f"`pip install plusx[{name}]` brings it"
        ) from error
