"""Activations of units are forgotten in the forward pass and computed again in the backward pass.

Chen et al. 2016, "Training deep nets with sublinear memory cost", arXiv 1604.06174: with the units
as its segments.
"""

import copy
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, final

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.utils.checkpoint import checkpoint

from plusx.data import Data
from plusx.data.memory import default_limit
from plusx.errors import InputError
from plusx.train.config import TrainConfig
from plusx.zoo import Network

__all__ = ["RecomputingNetwork", "recomputing", "segments"]

Feature = Tensor | tuple[Tensor, ...]
"""What a segment takes and gives: of streams side by side a tensor each."""


@final
class RecomputingNetwork(nn.Module):
    """y = network(x), keeping of the first `count` segments what passes between them alone.

    The result is the same to the bit, running statistics and random branches included. The network
    itself stays as it is: its names, hooks and saved form.
    """

    def __init__(self, network: Network, count: int) -> None:
        super().__init__()
        self.network = network
        self.count = count

    def forward(self, x: Tensor) -> Tensor:
        """Images (B, C, H, W) to logits (B, num_classes)."""
        if not (self.training and torch.is_grad_enabled()):
            y: Tensor = self.network(x)
            return y
        feature: Feature = self.network.stem(x)
        for number, segment in enumerate(segments(self.network)):
            forget = number < self.count
            feature = _forgetting(segment, feature) if forget else segment(feature)
        logits: Tensor = self.network.head(feature)
        return logits


def segments(network: Network) -> Sequence[nn.Module]:
    """Return the parts of the stages in order: a unit each, with what follows it.

    `InputError` for networks whose stages are no chain.
    """
    stages = network.stages
    if not isinstance(stages, nn.Sequential):
        raise InputError(
            "recompute needs stages that follow one another; this network's are a "
            f"{type(stages).__name__}; leave it at none"
        )
    found: list[nn.Module] = []
    for stage in stages:
        found += list(stage) if isinstance(stage, nn.Sequential) else [stage]
    return found


def _forgetting(segment: nn.Module, x: Feature) -> Feature:
    def contexts() -> tuple[Any, Any]:
        return _unchanged([]), _unchanged([m for m in segment.modules() if _counts(m)])

    y: Feature = checkpoint(segment, x, use_reentrant=False, context_fn=contexts)
    return y


def _counts(module: nn.Module) -> bool:
    return isinstance(module, _BatchNorm) and module.track_running_stats


@contextmanager
def _unchanged(norms: Sequence[nn.Module]) -> Iterator[None]:
    """Let these norms leave their running statistics alone: they have counted this batch."""
    kept = [[buffer.clone() for buffer in norm.buffers()] for norm in norms]
    try:
        yield
    finally:
        with torch.no_grad():
            for norm, buffers in zip(norms, kept, strict=True):
                for buffer, value in zip(norm.buffers(), buffers, strict=True):
                    buffer.copy_(value)


def recomputing(
    network: Network, config: TrainConfig, data: Data
) -> tuple[nn.Module, tuple[str, ...]]:
    """Wrap `network` as `--recompute` says; return also a line that says what was decided.

    auto: the fewest segments, from the bottom up, where activations are largest, so that those that
    are kept fit the budget. What a segment keeps is measured on two images.
    """
    if config.recompute == "none":
        return network, ()
    found = segments(network)
    if config.recompute == "all":
        return RecomputingNetwork(network, len(found)), (
            f"All {len(found)} units are computed twice",
        )
    assert config.batch_size is not None
    budget = _budget(config)
    kept, passed = _kept(network, data.input.channels, config.train_size or data.input.size)
    images = config.batch_size / config.accumulate
    needed = [
        images * (sum(passed[:count]) + max(kept[:count], default=0) + sum(kept[count:]))
        for count in range(len(found) + 1)
    ]
    count = next((c for c, size in enumerate(needed) if size <= budget), len(found))
    said = (
        f"{count} of {len(found)} units are computed twice: their activations would take "
        f"{needed[0] / 1e9:.2f} GB, so they take {needed[count] / 1e9:.2f} GB; the budget is "
        f"{budget / 1e9:.2f} GB"
    )
    return RecomputingNetwork(network, count) if count else network, (said,)


def _budget(config: TrainConfig) -> float:
    if config.memory_budget is not None:
        return config.memory_budget * 1e9
    if config.device == "cuda":
        return 0.5 * torch.cuda.mem_get_info()[0]
    return 2.0 * default_limit()  # that is a quarter of what is free


def _kept(network: Network, channels: int, size: int) -> tuple[list[float], list[float]]:
    """Return the bytes of an image that each segment keeps to go back, and that it is given."""
    trial = copy.deepcopy(network).train()
    device = next(trial.parameters()).device
    own = {p.untyped_storage().data_ptr() for p in trial.parameters()}
    with torch.random.fork_rng():
        x = trial.stem(torch.randn(2, channels, size, size, device=device))
        kept, passed = [], []
        for segment in segments(trial):
            seen: dict[int, int] = {}

            def keep(tensor: Tensor, seen: dict[int, int] = seen) -> Tensor:
                storage = tensor.untyped_storage()
                if storage.data_ptr() not in own:
                    seen[storage.data_ptr()] = storage.nbytes()
                return tensor

            passed.append(sum(t.nbytes for t in (x if isinstance(x, tuple) else (x,))) / 2)
            with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
                x = segment(x)
            kept.append(sum(seen.values()) / 2)
    return kept, passed
