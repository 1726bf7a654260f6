"""A network is laid on the processes that train it, and gets its optimizer there."""

from typing import Any

import torch

from plusx.data import Data
from plusx.train.choose import build
from plusx.train.config import TrainConfig
from plusx.train.optimize import optimizer_for
from plusx.train.ranks import Ranks
from plusx.train.recompute import recomputing
from plusx.train.speed import compiling
from plusx.train.spread import Spread, Whole
from plusx.train.tune import tuning
from plusx.zoo import Network

__all__ = ["lay_out"]

LaidOut = tuple[Spread, Any, tuple[str, ...]]


def lay_out(
    network: Network, config: TrainConfig, data: Data, fabric: Any, ranks: Ranks
) -> LaidOut:
    """Lay `network` out as `config` says; return how, its optimizer, and lines to tell.

    Its parameters may be others afterwards. Raises `InputError` for a network that cannot be split
    or cut.
    """
    if config.shard:
        return _sharded(network, config, fabric, ranks)
    network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    if config.stages > 1:
        return _staged(network, config, data, fabric, ranks)
    fabric.to_device(network)
    forward, cost = recomputing(network, config, data)
    forward, compiled = compiling(forward, network, config, data)
    wrapped, optimizer = fabric.setup(forward, _optimizer(network, config))
    spread = Whole(network, wrapped, fabric=fabric, ranks=ranks)
    return spread, optimizer, (*cost, compiled)


def _sharded(network: Network, config: TrainConfig, fabric: Any, ranks: Ranks) -> LaidOut:
    from plusx.train.sharded import Sharded, shard

    line = shard(network, ranks)
    spread = Sharded(network, fabric=fabric, ranks=ranks)
    return spread, _optimizer(network, config), (line,)


def _staged(
    network: Network, config: TrainConfig, data: Data, fabric: Any, ranks: Ranks
) -> LaidOut:
    from plusx.train.stages import Staged, cut

    with torch.device("meta"):
        twin = build(config, data)
    seen = data.input.size
    sizes = (config.train_size or seen, seen)
    own, line = cut(network, twin, ranks, channels=data.input.channels, sizes=sizes)
    own.parts.to(fabric.device)
    line += f"; a batch passes in {config.accumulate} parts"
    return Staged(own, fabric=fabric, ranks=ranks), _optimizer(network, config), (line,)


def _optimizer(network: Network, config: TrainConfig) -> torch.optim.Optimizer:
    assert config.tune is not None
    return optimizer_for(network, tuning(network, config.tune), config)
