"""One process's share of every batch, and what chance decides for it."""

from collections.abc import Callable
from dataclasses import dataclass

import torch

from plusx.data.augment import Draws, draw
from plusx.data.policy import Policy
from plusx.errors import InputError

__all__ = ["Share", "Views", "shares_of"]


@dataclass(frozen=True)
class Views:
    """Images as training sees them: cropped and mirrored by `policy` to `size`.

    `generator(n)` gives the generator of batch n of the order: all chance of that batch, for all
    processes, so that it does not matter who computes which part of it, or where one began.
    """

    policy: Policy
    size: int
    generator: Callable[[int], torch.Generator]


@dataclass(frozen=True)
class Share:
    """One process's block of batch `number`: `rows` of its `whole` images."""

    number: int
    indices: torch.Tensor
    rows: slice
    whole: int

    def draws(self, views: Views, stored: int) -> Draws:
        """Return what chance decides for these images of those kept at `stored`."""
        generator = views.generator(self.number)
        policy, size = views.policy, views.size
        return draw(policy, self.whole, size=size, stored=stored, generator=generator).rows(
            self.rows
        )


def shares_of(
    order: torch.Tensor, batch_size: int, *, start: int, rank: int, world: int
) -> list[Share]:
    """Return one process's blocks of all batches from `start` on; see `batches`."""
    if batch_size < 1 or start < 0:
        raise InputError(
            f"batch_size is {batch_size} and start is {start}, expected 1 or more and 0 or more; "
            "start counts batches"
        )
    if not 0 <= rank < world:
        raise InputError(
            f"rank is {rank} of {world} process(es), expected 0 to {world - 1}; ranks count from 0"
        )
    wholes = list(order.split(batch_size)) if len(order) else []
    shares = []
    for number, whole in enumerate(wholes[start:], start):
        count, rest = divmod(len(whole), world)
        if rest:
            raise InputError(
                f"batch {number} has {len(whole)} images for {world} processes, expected a "
                f"multiple of {world}; give a batch size that {world} divides, and whole batches"
            )
        rows = slice(rank * count, (rank + 1) * count)
        shares.append(Share(number, whole[rows], rows, len(whole)))
    return shares
