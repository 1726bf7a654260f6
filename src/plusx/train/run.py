"""train(config) and resume(folder): from settings to a trained network and its report."""

import re
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from pathlib import Path

from plusx.catalog import check_options, from_words
from plusx.errors import InputError
from plusx.train.allocator import keep_freed_memory
from plusx.train.begin import Examine, examined
from plusx.train.choose import available
from plusx.train.config import TrainConfig
from plusx.train.events import TensorBoard
from plusx.train.examine import Tested, test
from plusx.train.fit import fit
from plusx.train.folder import RunFolder
from plusx.train.gather import gather
from plusx.train.prepare import set_up
from plusx.train.ranks import Ranks, join, restarted
from plusx.train.result import TrainResult
from plusx.train.setup import Reporter, Setup
from plusx.train.spread import spread_again
from plusx.train.state import Progress, load_checkpoint
from plusx.train.stop import NonFiniteLossError, StoppedError, stop_request
from plusx.train.trackers import Tracker, Tracking, open_trackers, track_names
from plusx.train.whole import read_best

__all__ = ["free_folder", "resume", "train"]


def train(
    config: TrainConfig,
    *,
    reporter: Reporter,
    out: Path | None = None,
    command: str = "",
    examine: Examine | None = None,
    anyway: bool = False,
) -> TrainResult | None:
    """Train a network as `config` says, and leave a run folder with model and report.

    `out` is the run folder, by default a new one in `runs/`. Several processes, started by
    torchrun, train as one; only the first gets a result. `examine` looks at what is set up before
    the first step. Raises `ValueError` for what cannot be trained and `UnhealthyError` where
    `examine` finds something wrong, unless `anyway` (then nothing is left behind), `StoppedError`
    and `NonFiniteLossError` when training ends early (then the run folder says how far it came).
    """
    if config.model is not None:
        check_options(config.model, from_words(config.model, config.options))
    track_names(config.track)
    config = replace(config, device=available(config.device))
    ranks = join(config.device)
    path = Path(ranks.share_words(str(out or free_folder(config))))
    if restarted() and (path / "config.json").exists():
        return resume(path, reporter=reporter, command=command)
    with _held(RunFolder.create, path, ranks) as run:
        setup = set_up(config, run, reporter, ranks)
        found = examined(setup, examine, anyway=anyway) if examine else None
        return _go(setup, Progress(commands=[command], examination=found))


def resume(
    path: Path,
    *,
    reporter: Reporter,
    command: str = "",
    shard: bool | None = None,
    stages: int | None = None,
) -> TrainResult | None:
    """Go on with the run in the folder `path` from its last checkpoint.

    The result is that of a run which was never interrupted. The network lies on the processes as
    before, or as `shard` and `stages` say; one process has it whole. Raises as `train` does, and
    `ValueError` for a folder that is no run, that is in use or finished, or whose checkpoint does
    not fit.
    """
    config = RunFolder.at(path).read_config()
    track_names(config.track)
    ranks = join(config.device)
    config = spread_again(config, ranks, shard=shard, stages=stages)
    with _held(RunFolder.open, path, ranks) as run:
        if run.report.exists() and run.model.exists() and not run.checkpoint.exists():
            raise InputError(f"{path} has no checkpoint to go on from")
        setup = set_up(config, run, reporter, ranks)
        progress = load_checkpoint(setup)
        if progress.epoch == setup.config.epochs and run.report.exists():
            if restarted():
                return None  # a process died after the last step: nothing is lost
            raise InputError(
                f"{path} has finished its {setup.config.epochs} epochs; see {run.report}, or train "
                "anew with more --epochs"
            )
        progress.commands.append(command)
        setup.say(f"Going on at step {progress.step + 1} of epoch {progress.epoch + 1}")
        return _go(setup, progress)


@contextmanager
def _held(
    hold: Callable[[Path], AbstractContextManager[RunFolder]], path: Path, ranks: Ranks
) -> Iterator[RunFolder]:
    """Let the first process hold the run folder; the others read in it."""
    if not ranks.writes:
        yield RunFolder(path)
        return
    with hold(path) as run:
        yield run


def _go(setup: Setup, progress: Progress) -> TrainResult | None:
    """Train, then test the weights that validated best: the one reading of the test split."""
    began = time.perf_counter()
    keep_freed_memory()
    with _tracking(setup, progress) as tracking:
        tracking.start(setup.config)
        try:
            with stop_request() as request:
                fit(setup, progress, request, tracking)
        except StoppedError:
            setup.ranks.leave()
            raise
        except NonFiniteLossError as error:
            setup.ranks.leave()
            if not setup.ranks.writes:
                raise
            result = gather(setup, progress, None, stopped=str(error))
            raise NonFiniteLossError(str(error), result) from None
        tested = _tested(setup)
        if tested is None:
            return None
        progress.seconds += time.perf_counter() - began - sum(e.seconds for e in progress.epochs)
        result = gather(setup, progress, tested)
        assert result.test is not None
        tracking.test(result.test)
    _tell(setup, progress, result)
    return result


def _tested(setup: Setup) -> Tested | None:
    """Test the weights that validated best, and part; only the first process gets the result."""
    joint, tested = setup.spread.joint, None
    if not joint:
        setup.ranks.leave()  # the first can do it alone
    if joint or setup.ranks.writes:
        read_best(setup)
        tested = test(setup)
    if joint:
        setup.ranks.leave()
    return tested if setup.ranks.writes else None


def _tracking(setup: Setup, progress: Progress) -> Tracking:
    """Open TensorBoard and what `--track` names, in the process that writes."""
    first_step = progress.epoch * setup.steps
    trackers: list[Tracker] = []
    if setup.ranks.writes:
        trackers.append(TensorBoard(setup.run.events, first_step=first_step))
        trackers += open_trackers(setup.config.track, setup.run.path)
    return Tracking(trackers, say=setup.say, first_step=first_step)


def _tell(setup: Setup, progress: Progress, result: TrainResult) -> None:
    """Write the test down and say it; what mirrored views give is told apart."""
    assert result.test is not None
    events = [*progress.events(), {"event": "test", **result.test.to_json()}]
    if result.test_mirrored is not None:
        events.append({"event": "test, mirrored too", **result.test_mirrored.to_json()})
    if result.streams is not None:
        events.append({"event": "streams", **result.streams.to_json()})
    setup.run.write_metrics(events)
    low, high = result.test.interval
    setup.say(
        f"test accuracy {result.test.accuracy:.2%} (95% interval {low:.2%} to {high:.2%}; "
        f"weights of epoch {result.best_epoch})"
    )
    if result.test_mirrored is not None:
        low, high = result.test_mirrored.interval
        setup.say(
            f"with mirrored views too {result.test_mirrored.accuracy:.2%} "
            f"(95% interval {low:.2%} to {high:.2%})"
        )


def free_folder(config: TrainConfig) -> Path:
    """Return runs/DATA-MODEL, or the first of runs/DATA-MODEL-2, -3, ... that is free."""
    data = re.sub(r"[^\w.-]+", "-", Path(config.data).stem).strip("-")
    name = "-".join(filter(None, [data, config.model])) or "run"
    number = 1
    while (path := Path("runs") / (name if number == 1 else f"{name}-{number}")).exists():
        number += 1
    return path
