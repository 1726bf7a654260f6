"""Who else keeps the curves of a run: trackers, told together, of which any may fail."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Protocol

from plusx.analysis.evaluation import Evaluation
from plusx.errors import InputError, nearest
from plusx.train.adapters import Ids, MlflowTracker, WandbTracker, imported
from plusx.train.config import TrainConfig
from plusx.train.result import Epoch, Probe

__all__ = [
    "TRACKERS",
    "Tracker",
    "Tracking",
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
                why = (str(error).strip() or type(error).__name__).splitlines()[0]
                self._say(f"{tracker.name} failed ({why}); training goes on without it")


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
        imported(name)
    return names


def open_trackers(text: str | None, folder: Path) -> list[Tracker]:
    """Return the trackers that `--track` names, for the run in `folder`."""
    ids = Ids(folder)
    return [TRACKERS[name](folder, ids) for name in track_names(text)]
