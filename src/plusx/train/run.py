"""train(config) and resume(folder): from settings to a trained network and its report."""

import logging
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from plusx.catalog import check_options, from_words
from plusx.data import Data, open_data
from plusx.errors import InputError
from plusx.saving import read_weights
from plusx.train.allocator import keep_freed_memory
from plusx.train.choose import build, choose
from plusx.train.config import TrainConfig
from plusx.train.fit import fit
from plusx.train.folder import RunFolder
from plusx.train.gather import gather
from plusx.train.optimize import sgd
from plusx.train.result import TrainResult
from plusx.train.setup import Reporter, Setup
from plusx.train.state import Progress, load_checkpoint
from plusx.train.stop import NonFiniteLossError, stop_request

__all__ = ["free_folder", "resume", "train"]


def train(
    config: TrainConfig, *, reporter: Reporter, out: Path | None = None, command: str = ""
) -> TrainResult:
    """Train a network as `config` says, and leave a run folder with model and report.

    `out` is the run folder, by default a new one in `runs/`. Raises `ValueError` for what cannot
    be trained (then nothing is left behind), `StoppedError` and `NonFiniteLossError` when training
    ends early (then the run folder says how far it came).
    """
    if config.model is not None:
        check_options(config.model, from_words(config.model, config.options))
    with RunFolder.create(out or free_folder(config)) as run:
        setup = _prepare(config, run, reporter)
        return _go(setup, Progress(commands=[command]))


def resume(path: Path, *, reporter: Reporter, command: str = "") -> TrainResult:
    """Go on with the run in the folder `path` from its last checkpoint.

    The result is that of a run which was never interrupted. Raises as `train` does, and
    `ValueError` for a folder that is no run, that is in use or finished, or whose checkpoint does
    not fit.
    """
    with RunFolder.open(path) as run:
        config = run.read_config()
        if run.report.exists() and run.model.exists() and not run.checkpoint.exists():
            raise InputError(f"{path} has no checkpoint to go on from")
        setup = _prepare(config, run, reporter)
        progress = load_checkpoint(
            run, config=setup.config, model=setup.network, optimizer=setup.optimizer
        )
        if progress.epoch == config.epochs and run.report.exists():
            raise InputError(
                f"{path} has finished its {config.epochs} epochs; see {run.report}, or train "
                "anew with more --epochs"
            )
        progress.commands.append(command)
        setup.say(f"Going on at step {progress.step + 1} of epoch {progress.epoch + 1}")
        return _go(setup, progress)


def _prepare(config: TrainConfig, run: RunFolder, reporter: Reporter) -> Setup:
    """Open the data, settle the settings, build the network; then the run folder is in use."""
    data = open_data(
        config.data,
        seed=config.seed,
        size=config.size,
        progress=reporter.progress,
        workers=config.workers,
    )
    config, choices = choose(config, data)
    network = build(config, data)
    network = network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    fabric = _fabric(config)
    wrapped, optimizer = fabric.setup(network, sgd(network, config))
    setup = Setup(
        config=config,
        data=_placed(data, config, fabric.device),
        run=run,
        reporter=reporter,
        fabric=fabric,
        network=network,
        wrapped=wrapped,
        optimizer=optimizer,
    )
    run.write_config(config)
    for line in (*data.notes, *choices):
        setup.say(line)
    return setup


def _go(setup: Setup, progress: Progress) -> TrainResult:
    """Train, then test the weights that validated best: the one reading of the test split."""
    began = time.perf_counter()
    keep_freed_memory()
    try:
        with stop_request() as request:
            fit(setup, progress, request)
    except NonFiniteLossError as error:
        raise NonFiniteLossError(str(error), gather(setup, progress, stopped=str(error))) from None
    read_weights(setup.network, setup.run.model)
    progress.seconds += time.perf_counter() - began - sum(e.seconds for e in progress.epochs)
    result = gather(setup, progress, stopped=None)
    assert result.test is not None
    tested = {"event": "test", **result.test.to_json()}
    setup.run.write_metrics([*progress.events(), tested])
    low, high = result.test.interval
    setup.say(
        f"test accuracy {result.test.accuracy:.2%} (95% interval {low:.2%} to {high:.2%}; "
        f"weights of epoch {result.best_epoch})"
    )
    return result


def _fabric(config: TrainConfig) -> Any:
    from lightning_fabric import Fabric

    logging.getLogger("lightning_fabric").setLevel(logging.WARNING)  # precision is in our log
    return Fabric(
        accelerator=config.device,
        devices=1,
        precision="bf16-mixed" if config.precision == "bf16" else "32-true",
    )


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
    name = "-".join(filter(None, [Path(config.data).stem, config.model])) or "run"
    number = 1
    while (path := Path("runs") / (name if number == 1 else f"{name}-{number}")).exists():
        number += 1
    return path
