"""train(config) and resume(folder): from settings to a trained network and its report."""

import logging
import os
import re
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from plusx.catalog import check_options, from_words
from plusx.data import Data, open_data
from plusx.data.memory import default_limit
from plusx.errors import InputError
from plusx.saving import read_weights
from plusx.train.allocator import keep_freed_memory
from plusx.train.average import Average
from plusx.train.choose import available, build, choose
from plusx.train.config import TrainConfig
from plusx.train.events import TensorBoard
from plusx.train.fit import fit
from plusx.train.folder import RunFolder
from plusx.train.gather import gather
from plusx.train.initial import initial_weights
from plusx.train.optimize import optimizer_for
from plusx.train.ranks import Ranks, join, restarted
from plusx.train.recompute import recomputing
from plusx.train.result import TrainResult
from plusx.train.setup import Reporter, Setup, Silent
from plusx.train.speed import compiling, settle_determinism
from plusx.train.state import Progress, load_checkpoint
from plusx.train.stop import NonFiniteLossError, stop_request
from plusx.train.together_norm import share_norms
from plusx.train.trackers import Tracker, Tracking, open_trackers, track_names
from plusx.train.tune import freeze, tuning

__all__ = ["free_folder", "prepare", "resume", "train"]


def train(
    config: TrainConfig, *, reporter: Reporter, out: Path | None = None, command: str = ""
) -> TrainResult | None:
    """Train a network as `config` says, and leave a run folder with model and report.

    `out` is the run folder, by default a new one in `runs/`. Several processes, started by
    torchrun, train as one; only the first gets a result. Raises `ValueError` for what cannot be
    trained (then nothing is left behind), `StoppedError` and `NonFiniteLossError` when training
    ends early (then the run folder says how far it came).
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
        setup = _prepare(config, run, reporter, ranks)
        return _go(setup, Progress(commands=[command]))


def resume(path: Path, *, reporter: Reporter, command: str = "") -> TrainResult | None:
    """Go on with the run in the folder `path` from its last checkpoint.

    The result is that of a run which was never interrupted. Raises as `train` does, and
    `ValueError` for a folder that is no run, that is in use or finished, or whose checkpoint does
    not fit.
    """
    config = RunFolder.at(path).read_config()
    track_names(config.track)
    ranks = join(config.device)
    with _held(RunFolder.open, path, ranks) as run:
        if run.report.exists() and run.model.exists() and not run.checkpoint.exists():
            raise InputError(f"{path} has no checkpoint to go on from")
        setup = _prepare(config, run, reporter, ranks)
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


def prepare(config: TrainConfig, *, reporter: Reporter) -> Setup:
    """Set a run up to measure it: as `train` would, but without a folder."""
    config = replace(config, device=available(config.device))
    setup, said = _assembled(config, RunFolder(Path(os.devnull)), reporter, join(config.device))
    for line in said:
        reporter.say(line)
    return setup


def _prepare(config: TrainConfig, run: RunFolder, reporter: Reporter, ranks: Ranks) -> Setup:
    """Set a run up; then its folder is in use."""
    setup, said = _assembled(config, run, reporter, ranks)
    if ranks.writes:
        run.write_config(setup.config)
    for line in said:
        setup.say(line)
    return setup


def _assembled(
    config: TrainConfig, run: RunFolder, reporter: Reporter, ranks: Ranks
) -> tuple[Setup, list[str]]:
    """Open the data, settle the settings, build the network; return also what there is to say."""
    reporter = reporter if ranks.writes else Silent()
    data = _open(config, reporter, ranks)
    config, choices = choose(config, data, world=ranks.world)
    network = build(config, data)
    if config.weights is not None and not run.checkpoint.exists():
        choices += initial_weights(network, config.weights)
    if config.norms == "together":
        share_norms(network)
    network = network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    settled = settle_determinism(config)
    fabric = _fabric(config, ranks)
    network = fabric.to_device(network)
    assert config.tune is not None
    learning = tuning(network, config.tune)
    if config.tune == "head":
        freeze(learning)
    if config.tune != "all":
        choices.append(f"{learning}{' at first' * (config.tune == 'gradual')}")
    forward, cost = recomputing(network, config, data)
    forward, compiled = compiling(forward, network, config, data)
    wrapped, optimizer = fabric.setup(forward, optimizer_for(network, learning, config))
    setup = Setup(
        config=config,
        data=_placed(data, config, fabric.device),
        run=run,
        reporter=reporter,
        fabric=fabric,
        network=network,
        wrapped=wrapped,
        optimizer=optimizer,
        average=Average(network, config.ema) if config.ema else None,
        ranks=ranks,
    )
    return setup, list(filter(None, (*data.notes, *choices, *cost, compiled, settled)))


def _open(config: TrainConfig, reporter: Reporter, ranks: Ranks) -> Data:
    """Open the data, the first process before the others: it downloads, and chooses.

    Whether images are kept in memory decides on how they are cropped: all processes, and a run that
    goes on, do what was chosen first.
    """

    def opened(limit: int | None) -> Data:
        return open_data(
            config.data,
            seed=config.seed,
            size=config.size,
            progress=reporter.progress,
            workers=config.workers,
            memory_limit=limit,
        )

    chosen = {None: None, True: sys.maxsize, False: 0}[config.in_memory]
    if ranks.world > 1 and chosen is None:
        chosen = default_limit() // int(os.environ.get("LOCAL_WORLD_SIZE", "1"))
    data = opened(chosen) if ranks.writes else None
    kept = ranks.share_words("yes" if data is not None and data.in_memory else "no")
    return data or opened(sys.maxsize if kept == "yes" else 0)


def _go(setup: Setup, progress: Progress) -> TrainResult | None:
    """Train, then test the weights that validated best: the one reading of the test split."""
    began = time.perf_counter()
    keep_freed_memory()
    with _tracking(setup, progress) as tracking:
        tracking.start(setup.config)
        try:
            with stop_request() as request:
                fit(setup, progress, request, tracking)
        except NonFiniteLossError as error:
            if not setup.ranks.writes:
                raise
            result = gather(setup, progress, stopped=str(error))
            raise NonFiniteLossError(str(error), result) from None
        setup.ranks.leave()
        if not setup.ranks.writes:
            return None
        read_weights(setup.network, setup.run.model)
        progress.seconds += time.perf_counter() - began - sum(e.seconds for e in progress.epochs)
        result = gather(setup, progress, stopped=None)
        assert result.test is not None
        tracking.test(result.test)
    _tell(setup, progress, result)
    return result


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


def _fabric(config: TrainConfig, ranks: Ranks) -> Any:
    from lightning_fabric import Fabric

    logging.getLogger("lightning_fabric").setLevel(logging.WARNING)  # precision is in our log
    mixed: Any = {"bf16": "bf16-mixed", "fp16": "16-mixed", "32": "32-true"}
    here = int(os.environ.get("LOCAL_WORLD_SIZE", "1")) if ranks.world > 1 else 1
    fabric = Fabric(
        accelerator=config.device,
        devices=here,
        num_nodes=ranks.world // here,
        strategy="ddp" if ranks.world > 1 else "auto",
        precision=mixed[config.precision],
    )
    fabric.launch()
    return fabric


def _placed(data: Data, config: TrainConfig, device: torch.device) -> Data:
    """Put what is in memory on the device, and let `--flip` decide."""
    assert config.flip is not None
    return replace(
        data,
        policy=replace(data.policy, flip=config.flip),
        train=data.train.to(device),
        val=data.val.to(device),
        test=data.test.to(device),
    )


def free_folder(config: TrainConfig) -> Path:
    """Return runs/DATA-MODEL, or the first of runs/DATA-MODEL-2, -3, ... that is free."""
    data = re.sub(r"[^\w.-]+", "-", Path(config.data).stem).strip("-")
    name = "-".join(filter(None, [data, config.model])) or "run"
    number = 1
    while (path := Path("runs") / (name if number == 1 else f"{name}-{number}")).exists():
        number += 1
    return path
