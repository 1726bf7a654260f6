"""What a run does for speed at the price of compiling, or of repeating to the bit."""

import os

import torch
from torch import nn

from plusx.analysis.summary import summary
from plusx.data import Data
from plusx.train.config import TrainConfig
from plusx.zoo import Network

__all__ = ["compiling", "settle_determinism"]

PAYS_FROM = 2e17
"""Floating-point operations of a run from which on compiling pays: some 20 minutes of a GPU that
does 160 TFLOP/s, against the minute or two that compiling takes."""


def compiling(
    forward: nn.Module, network: Network, config: TrainConfig, data: Data
) -> tuple[nn.Module, str]:
    """Compile `forward` where `--compile` says so, or where it pays; return also why.

    The estimate is made of counts, not of times, so that the same run is always decided alike.
    """
    if config.compile == "never":
        return forward, "Not compiled: --compile never"
    if config.compile == "always":
        return _compiled(forward), "Compiled: --compile always"
    if config.device == "cpu":
        return forward, "Not compiled: a compiled step is no faster on a CPU (LOG.md)"
    side = config.train_size or data.input.size
    macs = summary(network, (data.input.channels, side, side)).macs
    work = 6.0 * macs * len(data.train) * config.epochs  # two a MAC, three times: forward, backward
    words = f"the run is about {work / 1e15:,.1f} PFLOP, and it pays from {PAYS_FROM / 1e15:,.0f}"
    if work < PAYS_FROM:
        return forward, f"Not compiled: {words}"
    return _compiled(forward), f"Compiled: {words}"


def _compiled(forward: nn.Module) -> nn.Module:
    compiled: nn.Module = torch.compile(forward)  # type: ignore[assignment]
    return compiled


def settle_determinism(config: TrainConfig) -> str:
    """Make the run repeat to the bit, or give that up for `--fast`; say which.

    On a CPU all of our operations repeat; on a GPU some have faster ways that do not.
    """
    if config.device != "cuda":
        return "--fast gives nothing up here: on a CPU, what repeats is as fast" * config.fast
    torch.backends.cudnn.benchmark = config.fast
    torch.backends.cuda.matmul.allow_tf32 = config.fast
    torch.backends.cudnn.allow_tf32 = config.fast
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    torch.use_deterministic_algorithms(not config.fast, warn_only=True)
    if config.fast:
        return "--fast: the same seed gives nearly the same result, not the same to the bit"
    return "The same seed gives the same result to the bit; --fast gives that up for speed"
