"""The order of an epoch: a permutation; in shards, one that keeps near what lies together."""

import torch

from plusx.data.dataset import Chunks, Encoded, Split

__all__ = ["near", "shuffled"]


def shuffled(split: Split, *, generator: torch.Generator) -> torch.Tensor:
    """Return a random order of all images of a split: int64 (N,), on the CPU.

    A plain permutation, except where reading far and wide is slow (shards): there the pieces of
    the shards are permuted and laid end to end, and what results is shuffled within windows of so
    many images as `Chunks` says. A pure function of the split and the generator's state.
    """
    chunks = split.images.chunks() if isinstance(split.images, Encoded) else None
    if chunks is None:
        return torch.randperm(len(split), generator=generator)
    return _locally(chunks, generator)


def near(chunks: Chunks, count: int) -> torch.Tensor:
    """Return some `count` images, always the same, of few pieces: their places, ascending."""
    return _locally(chunks, torch.Generator().manual_seed(0))[:count].sort().values


def _locally(chunks: Chunks, generator: torch.Generator) -> torch.Tensor:
    pieces, piece = torch.unique(chunks.of, return_inverse=True)
    rank = torch.randperm(len(pieces), generator=generator)
    order = torch.argsort(rank[piece], stable=True)
    return torch.cat(
        [
            window[torch.randperm(len(window), generator=generator)]
            for window in order.split(chunks.window)
        ]
    )
