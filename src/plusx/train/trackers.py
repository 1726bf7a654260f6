"""Where a run's curves go beside the run folder: Weights & Biases and MLflow, as adapters."""

import importlib
import json
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, Protocol

from plusx.analysis.evaluation import Evaluation
from plusx.errors import InputError, nearest
from plusx.files import write_text
from plusx.train.config import TrainConfig
from plusx.train.result import Epoch, Probe

__all__ = [
    "TRACKERS",
    "MlflowTracker",
    "Tracker",
    "Tracking",
    "WandbTracker",
    "curves_of",
    "gradients_of",
    "open_trackers",
    "track_names",
]

Say = Callable[[str], object]


class Tracker(Protocol):
    """Whoever keeps the curves of a run; any method may raise, which ends the tracker alone."""

    name: str

    def start(self, config: TrainConfig) -> None:
        """Open the run, or go on with the one that was opened before it was interrupted."""
        ...

    def epoch(self, epoch: Epoch) -> None:
        """Add an epoch."""
        ...

    def probes(self, probes: Sequence[Probe]) -> None:
        """Add probes that were not given before."""
        ...

    def test(self, result: Evaluation) -> None:
        """Add the test, after the last epoch."""
        ...

    def close(self, *, finished: bool) -> None:
        """End the run, or leave it open to be resumed."""
        ...


class Tracking:
    """All trackers of a run, as a context manager; one that fails says so once, and is left out.

    `first_step`: probes before it were given to the trackers before the run was interrupted.
    """

    def __init__(self, trackers: Sequence[Tracker], *, say: Say, first_step: int = 0) -> None:
        self._trackers = list(trackers)
        self._say = say
        self._next_probe = first_step

    def start(self, config: TrainConfig) -> None:
        """Open the run everywhere."""
        self._each(lambda tracker: tracker.start(config))

    def write(self, epoch: Epoch, probes: Sequence[Probe]) -> None:
        """Add an epoch, and the probes that were not written yet."""
        new = [probe for probe in probes if probe.step >= self._next_probe]
        self._next_probe = epoch.step
        self._each(lambda tracker: tracker.epoch(epoch))
        if new:
            self._each(lambda tracker: tracker.probes(new))

    def test(self, result: Evaluation) -> None:
        """Add the test."""
        self._each(lambda tracker: tracker.test(result))

    def close(self, *, finished: bool) -> None:
        """End the run everywhere."""
        self._each(lambda tracker: tracker.close(finished=finished))
        self._trackers = []

    def __enter__(self) -> "Tracking":
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self.close(finished=kind is None)

    def _each(self, tell: Callable[[Tracker], None]) -> None:
        for tracker in list(self._trackers):
            try:
                tell(tracker)
            except Exception as error:  # whatever it is, training is worth more
                self._trackers.remove(tracker)
                why = (str(error) or type(error).__name__).splitlines()[0]
                self._say(f"{tracker.name} failed ({why}); training goes on without it")


class WandbTracker:
    """A run of Weights & Biases in project "plusx", or that of WANDB_PROJECT."""

    name = "wandb"

    def __init__(self, folder: Path, ids: "Ids") -> None:
        self._module = _imported("wandb")
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
        self._run.summary.update(_figures(result))

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
        self._module = _imported("mlflow")
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
        self._module.log_metrics(_mlflow_names(_figures(result)))

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


TRACKERS: Mapping[str, Callable[[Path, Ids], Tracker]] = {
    "wandb": WandbTracker,
    "mlflow": MlflowTracker,
}
"""What a tracker may be called, and what it is."""


def track_names(text: str | None) -> tuple[str, ...]:
    """Return the trackers that `--track` names; `InputError` for one that is none or is missing.

    >>> track_names("")
    ()
    """
    names = tuple(dict.fromkeys(filter(None, (part.strip() for part in (text or "").split(",")))))
    for name in names:
        if name not in TRACKERS:
            raise InputError(
                f"track is {name!r}{nearest(name, TRACKERS)}; expected names of "
                f"{', '.join(TRACKERS)}, with commas between them"
            )
        _imported(name)
    return names


def open_trackers(text: str | None, folder: Path) -> list[Tracker]:
    """Return the trackers that `--track` names, for the run in `folder`."""
    ids = Ids(folder)
    return [TRACKERS[name](folder, ids) for name in track_names(text)]


def curves_of(epoch: Epoch) -> dict[str, float]:
    """Return the curves' names and values at an epoch, the same for every tracker."""
    return {
        "loss/train": epoch.train_loss,
        "loss/validation": epoch.val_loss,
        "accuracy/train": epoch.train_accuracy,
        "accuracy/validation": epoch.val_accuracy,
        "learning rate": epoch.learning_rate,
        "images per second": epoch.images_per_second,
    }


def gradients_of(probe: Probe) -> dict[str, float]:
    """Return the gradients' names and values at a probe; a frozen part has none."""
    parts = probe.signal.parts
    return {f"gradient/{p.name}": p.gradient for p in parts if p.gradient is not None}


def _figures(result: Evaluation) -> dict[str, float]:
    low, high = result.interval
    return {
        "test/accuracy": result.accuracy,
        "test/loss": result.loss,
        "test/accuracy low": low,
        "test/accuracy high": high,
    }


def _mlflow_names(figures: Mapping[str, float]) -> dict[str, float]:
    """Replace what MLflow takes in no name: all but letters, digits, _ - . / and space."""

    def clean(name: str) -> str:
        return "".join(c if c.isascii() and (c.isalnum() or c in "_-./ ") else "_" for c in name)

    return {clean(name): value for name, value in figures.items()}


def _imported(name: str) -> Any:
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise InputError(
            f"--track {name} needs a package that is not installed ({error}); "
            f"`pip install plusx[{name}]` brings it"
        ) from error
