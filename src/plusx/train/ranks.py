"""Several processes that train as one: who writes, and what all have to agree on."""

import os
from dataclasses import dataclass
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn

__all__ = ["Ranks", "join", "restarted"]


@dataclass(frozen=True)
class Ranks:
    """Process `rank` of `world`; of a single one, all of this does nothing.

    `staged`: each has another part of the network.
    """

    rank: int
    world: int
    device: torch.device
    staged: bool = False

    @property
    def share(self) -> int:
        """Which of the `shares` of a batch this process gets: stages all see all of it."""
        return 0 if self.staged else self.rank

    @property
    def shares(self) -> int:
        """Among how many processes a batch is divided."""
        return 1 if self.staged else self.world

    @property
    def writes(self) -> bool:
        """Whether this process is the one that writes and speaks."""
        return self.rank == 0

    def sum(self, values: Tensor) -> Tensor:
        """Return the sum over all processes."""
        if self.world == 1:
            return values
        everyone = values.to(self.device, copy=True)
        dist.all_reduce(everyone)
        return everyone

    def largest(self, value: int) -> int:
        """Return the largest `value` of all processes: what one has seen, all know."""
        if self.world == 1:
            return value
        everyone = torch.tensor([value], device=self.device)
        dist.all_reduce(everyone, op=dist.ReduceOp.MAX)
        return int(everyone)

    def share_buffers(self, model: nn.Module) -> None:
        """Give processes with the same network the first one's: running statistics may differ."""
        if self.shares > 1:
            for buffer in model.buffers():
                dist.broadcast(buffer, 0)

    def share_words(self, words: str) -> str:
        """Return the first process's `words`."""
        box = [words]
        if self.world > 1:
            dist.broadcast_object_list(box, 0)
        return box[0]

    def wait(self) -> None:
        """Wait until all are here."""
        if self.world > 1:
            dist.barrier()

    def leave(self) -> None:
        """Part from the others, for good."""
        if self.world > 1:
            dist.destroy_process_group()


def join(device: str) -> Ranks:
    """Meet the other processes that torchrun (or another launcher) started with this one.

    They know of each other by RANK, WORLD_SIZE, LOCAL_RANK, MASTER_ADDR and MASTER_PORT. A process
    without these is alone.
    """
    world = int(os.environ.get("WORLD_SIZE", "1"))
    place = torch.device(device)
    if world == 1:
        return Ranks(0, 1, place)
    if place.type == "cuda":
        place = torch.device("cuda", int(os.environ.get("LOCAL_RANK", "0")))
        torch.cuda.set_device(place)
    if not dist.is_initialized():
        rank = int(os.environ["RANK"])
        backend = "nccl" if place.type == "cuda" else "gloo"
        dist.init_process_group(backend, store=_store(rank, world), rank=rank, world_size=world)
    return Ranks(dist.get_rank(), world, place)


def _store(rank: int, world: int) -> Any:
    """Open the place where processes find each other's addresses, a new one after each restart.

    torchrun's own keeps those of the dead: whoever reads before they are written anew waits for a
    process that is gone.
    """
    with_launcher = os.environ.get("TORCHELASTIC_USE_AGENT_STORE") == "True"
    store = dist.TCPStore(  # type: ignore[attr-defined]
        os.environ["MASTER_ADDR"],
        int(os.environ["MASTER_PORT"]),
        world,
        is_master=rank == 0 and not with_launcher,
        multi_tenant=True,
    )
    attempt = os.environ.get("TORCHELASTIC_RESTART_COUNT", "0")
    return dist.PrefixStore(f"plusx attempt {attempt}", store)  # type: ignore[attr-defined]


def restarted() -> bool:
    """Say whether torchrun started this process again after one of its group had died."""
    return int(os.environ.get("TORCHELASTIC_RESTART_COUNT", "0")) > 0
