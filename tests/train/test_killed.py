"""Runs killed with -9 at random moments end as the run that was never killed."""

import json
import math
import multiprocessing
import os
import random
import signal
import time
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from test_run import SHORT, curves, weights
from watchers import Silent

from plusx import load
from plusx.train import fit, run

KILLS = 50
ALL_ON = replace(
    SHORT, epochs=6, batch_size=64, accumulate=2, mixup=0.2, cutmix=1.0, cutout=0.3, ema=0.9,
    optimizer="muon", learning_rate=0.02, drop_path=0.2,
)  # fmt: skip


def go(folder: Path) -> None:
    """Begin or go on with the run, saving at every step."""
    torch.set_num_threads(1)
    fit.SAVE_SECONDS = 0.0
    if (folder / "config.json").exists():
        run.resume(folder, reporter=Silent())
    else:
        run.train(ALL_ON, reporter=Silent(), out=folder)


def killed(folder: Path, *, after: float) -> bool:
    """Run in a process that is killed `after` seconds of work; say whether it was."""
    context = multiprocessing.get_context("forkserver")
    process = context.Process(target=go, args=(folder,))
    began = time.monotonic()
    process.start()
    assert process.pid is not None
    seen = json.dumps(sorted(map(str, folder.rglob("*"))))
    while process.is_alive() and time.monotonic() - began < after:
        time.sleep(0.001)
    if process.is_alive():
        os.kill(process.pid, signal.SIGKILL)
    process.join()
    assert process.exitcode in (0, -signal.SIGKILL), seen
    return process.exitcode != 0


@pytest.mark.full
@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="this system has no kill -9")
def test_fifty_kills_change_nothing(tmp_path: Path) -> None:
    multiprocessing.set_forkserver_preload(["test_killed", "lightning_fabric", "sklearn.datasets"])
    began = time.monotonic()
    assert not killed(tmp_path / "whole", after=math.inf)
    whole = time.monotonic() - began
    seed = random.randrange(2**32)
    drawn, kills, round_number = random.Random(seed), 0, 0
    while kills < KILLS:
        folder = tmp_path / f"killed{round_number}"
        round_number += 1
        while killed(folder, after=drawn.uniform(0.02, 0.2) * whole if kills < KILLS else math.inf):
            kills += 1
        what = f"seed of the kill points {seed}, round {round_number}"
        same_run(folder, tmp_path / "whole", what)


def same_run(folder: Path, want: Path, what: str) -> None:
    for key, tensor in weights(want).items():
        assert torch.equal(weights(folder)[key], tensor), (key, what)
    assert curves(folder) == curves(want), what
    best, kept = (load(f / "model").state_dict() for f in (want, folder))
    assert all(torch.equal(tensor, kept[key]) for key, tensor in best.items()), what
    assert not [p for p in folder.rglob(".*") if p.suffix in (".part", ".old")], what
