"""A run from its settings to all that it works with: data, network, optimizer, processes."""

import logging
import os
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from plusx.data import Data, open_data
from plusx.data.memory import default_limit
from plusx.train.average import Average
from plusx.train.choose import available, build, choose
from plusx.train.config import TrainConfig
from plusx.train.folder import RunFolder
from plusx.train.initial import initial_weights
from plusx.train.lay_out import lay_out
from plusx.train.ranks import Ranks, join
from plusx.train.setup import Reporter, Setup, Silent
from plusx.train.speed import settle_determinism
from plusx.train.spread import check_spread, parts_for
from plusx.train.together_norm import share_norms
from plusx.train.tune import freeze, tuning

__all__ = ["prepare", "set_up"]


def prepare(config: TrainConfig, *, reporter: Reporter) -> Setup:
    """Set a run up to measure it: as `train` would, but without a folder."""
    config = replace(config, device=available(config.device))
    setup, said = _assembled(config, RunFolder(Path(os.devnull)), reporter, join(config.device))
    for line in said:
        reporter.say(line)
    return setup


def set_up(config: TrainConfig, run: RunFolder, reporter: Reporter, ranks: Ranks) -> Setup:
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
    check_spread(config, ranks)
    ranks = replace(ranks, staged=config.stages > 1)
    data = _open(config, reporter, ranks)
    config, choices = choose(config, data, world=ranks.shares)
    check_spread(config, ranks)
    if ranks.staged:
        config = replace(config, accumulate=parts_for(config))
    network = build(config, data)
    if config.weights is not None and not run.checkpoint.exists():
        choices += initial_weights(network, config.weights)
    if config.norms == "together":
        share_norms(network)
    settled = settle_determinism(config)
    fabric = _fabric(config, ranks)
    assert config.tune is not None
    learning = tuning(network, config.tune)
    if config.tune == "head":
        freeze(learning)
    if config.tune != "all":
        choices.append(f"{learning}{' at first' * (config.tune == 'gradual')}")
    spread, optimizer, how = lay_out(network, config, data, fabric, ranks)
    setup = Setup(
        config=config,
        data=_placed(data, config, fabric.device),
        run=run,
        reporter=reporter,
        fabric=fabric,
        network=network,
        spread=spread,
        optimizer=optimizer,
        average=Average(network, config.ema) if config.ema else None,
        ranks=ranks,
    )
    return setup, list(filter(None, (*data.notes, *choices, *how, settled)))


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


def _fabric(config: TrainConfig, ranks: Ranks) -> Any:
    from lightning_fabric import Fabric

    logging.getLogger("lightning_fabric").setLevel(logging.WARNING)  # precision is in our log
    mixed: Any = {"bf16": "bf16-mixed", "fp16": "16-mixed", "32": "32-true"}
    joint = config.shard or config.stages > 1  # then Fabric knows of this process's device alone
    here = int(os.environ.get("LOCAL_WORLD_SIZE", "1")) if ranks.world > 1 else 1
    fabric = Fabric(
        accelerator=config.device,
        devices=([ranks.device.index or 0] if config.device == "cuda" else 1) if joint else here,
        num_nodes=1 if joint else ranks.world // here,
        strategy="ddp" if ranks.world > 1 and not joint else "auto",
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
