"""Where a chain of parts is cut into stages of about equal cost."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from plusx.errors import InputError
from plusx.zoo import Network

__all__ = ["Cost", "balanced", "chain", "costs"]


@dataclass(frozen=True)
class Cost:
    """A part's multiply-adds an image, and the shape of what it gives, without the batch."""

    macs: int
    shape: tuple[int, ...]


def chain(network: Network) -> list[nn.Module]:
    """Return stem, units each with what follows it, and head: y = head(... stem(x)).

    Raises `InputError` for a network whose stages are no chain.
    """
    if type(network.stages) is not nn.Sequential:
        raise InputError(
            "--stages cuts a chain of units, and this network's stages are a "
            f"{type(network.stages).__name__}; take another network, or leave --stages out"
        )
    found: list[nn.Module] = [network.stem]
    for stage in network.stages:
        found += list(stage) if type(stage) is nn.Sequential else [stage]
    return [*found, network.head]


def costs(network: Network, *, channels: int, size: int) -> list[Cost]:
    """Return what each part of the chain costs at this size; `network` is on the meta device."""
    found = []
    x = torch.empty(2, channels, size, size, device="meta")
    with torch.no_grad():
        for part in chain(network.eval()):
            with FlopCounterMode(display=False) as counter:
                x = part(x)
            macs = counter.get_total_flops() // 4  # two an image, and of two images
            found.append(Cost(macs, tuple(x.shape[1:])))
    return found


def balanced(weights: Sequence[int], num: int) -> list[int]:
    """Return where `num` runs of parts end so that the heaviest run is as light as it can be.

    The classic linear partition: best[k][n] = min over m of max(best[k - 1][m], sum(m..n)).

    >>> balanced([1, 1, 1, 3, 2, 2], 3)
    [3, 4, 6]
    """
    if not 1 <= num <= len(weights):
        raise InputError(
            f"stages is {num} for a network of {len(weights)} parts; expected at most that many"
        )
    before = [0, *accumulate(weights)]
    count = len(weights)
    best = [before[n] for n in range(count + 1)]
    ends: list[list[int]] = [[n] for n in range(count + 1)]
    for runs in range(2, num + 1):
        longer = {
            n: min((max(best[m], before[n] - before[m]), m) for m in range(runs - 1, n))
            for n in range(runs, count + 1)
        }
        ends = [[*ends[longer[n][1]], n] if n in longer else [] for n in range(count + 1)]
        best = [longer[n][0] if n in longer else 0 for n in range(count + 1)]
    return ends[count]
