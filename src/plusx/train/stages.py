"""One network over several processes, a run of its units in each; batches pass in parts.

Huang et al. 2018, "GPipe", arXiv 1811.06965, in the order of Narayanan et al. 2019, "PipeDream",
arXiv 1806.03377 (one forward, one backward). The engine is torch.distributed.pipelining.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, final

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.distributed.pipelining import PipelineStage, Schedule1F1B

from plusx.train.cut import Cost, balanced, chain, costs
from plusx.train.ranks import Ranks
from plusx.train.spread import Criterion, Spread, count, filled
from plusx.zoo import Network

__all__ = ["Cut", "Staged", "cut"]


def cut(
    network: Network, twin: Network, ranks: Ranks, *, channels: int, sizes: tuple[int, int]
) -> tuple["Cut", str]:
    """Keep of `network` this process's run of parts; return it, and how all were cut in a line.

    Runs are contiguous and of about equal multiply-adds. What other processes have goes to the meta
    device, where it keeps its name and takes no memory. `twin` is the same network there; `sizes`
    are the sides of an image in training and in evaluation.
    """
    parts = chain(network)
    found, seen = (costs(twin, channels=channels, size=size) for size in sizes)
    ends = balanced([cost.macs for cost in found], ranks.world)
    starts = [0, *ends[:-1]]
    here = range(starts[ranks.rank], ends[ranks.rank])
    for place, part in enumerate(parts):
        if place not in here:
            part.to("meta")
    own = Cut(
        nn.Sequential(*(parts[place] for place in here)),
        came=_before(found, here.start, (channels, sizes[0], sizes[0])),
        goes=found[here.stop - 1].shape,
        came_seen=_before(seen, here.start, (channels, sizes[1], sizes[1])),
        logits=seen[-1].shape,
    )
    total = max(1, sum(cost.macs for cost in found))
    shares = [sum(c.macs for c in found[a:b]) / total for a, b in zip(starts, ends, strict=True)]
    words = ", ".join(
        f"{b - a} ({share:.0%})" for a, b, share in zip(starts, ends, shares, strict=True)
    )
    return own, f"Cut into {ranks.world} stages; parts (of all multiply-adds): {words}"


@dataclass(frozen=True, eq=False)
class Cut:
    """A process's run of parts, and the shapes of an image that comes to it and leaves it.

    `came_seen` is that of an image in evaluation, `logits` what the whole network gives.
    """

    parts: nn.Module
    came: tuple[int, ...]
    goes: tuple[int, ...]
    came_seen: tuple[int, ...]
    logits: tuple[int, ...]


def _before(found: Sequence[Cost], place: int, image: tuple[int, ...]) -> tuple[int, ...]:
    return found[place - 1].shape if place else image


@final
class _Stage(nn.Module):
    """y = parts(x) in the run's precision; what passes between processes is float32."""

    def __init__(self, parts: nn.Module, fabric: Any) -> None:
        super().__init__()
        self.parts, self._fabric = parts, fabric

    def forward(self, x: Tensor) -> Tensor:
        with self._fabric.autocast():
            y: Tensor = self.parts(x)
        return y.float().contiguous()


@final
class Staged(Spread):
    """A network whose parts lie in the processes one after another; all see the same batch."""

    def __init__(self, own: Cut, *, fabric: Any, ranks: Ranks) -> None:
        self._own, self._ranks = own, ranks
        self._stage = _Stage(own.parts, fabric)
        self._schedules: dict[tuple[int, int], Schedule1F1B] = {}
        self._first, self._last = ranks.rank == 0, ranks.rank == ranks.world - 1
        # what is collected is the first process's memory's, not its device's
        self._memory = dist.new_group(backend="gloo")

    def learn(
        self, images: Tensor, targets: Tensor, *, parts: int, criterion: Criterion, tally: Tensor
    ) -> None:
        """Pass the parts forward and back between the processes; norms see a part at a time."""
        images, targets = filled(images, targets, parts)
        self._schedule(len(images) // parts, parts).step(
            *([images.contiguous()] if self._first else []),
            target=targets if self._last else None,
            return_outputs=False,
            loss_kwargs={"criterion": criterion, "tally": tally},
        )

    def logits(self, images: Tensor) -> Tensor:
        """Pass the batch from process to process; all of them get its logits."""
        rank, device = self._ranks.rank, self._ranks.device
        x = images
        if not self._first:
            x = torch.empty(len(images), *self._own.came_seen, device=device)
            dist.recv(x, rank - 1)
        y: Tensor = self._stage(x)
        if not self._last:
            dist.send(y, rank + 1)
            y = torch.empty(len(images), *self._own.logits, device=device)
        dist.broadcast(y, self._ranks.world - 1)
        return y

    def clip(self, optimizer: Any, max_norm: float) -> None:
        """Clip by the norm over the parameters of all processes."""
        own = list(self._own.parts.parameters())
        norm = nn.utils.get_total_norm([p.grad for p in own if p.grad is not None])
        squares = self._ranks.sum(norm.to(self._ranks.device).square())
        nn.utils.clip_grads_with_norm_(own, max_norm, squares.sqrt())

    def collected(self, state: dict[str, Any]) -> dict[str, Any]:
        """Lay what the processes have side by side, in the first one's memory."""
        box: list[Any] | None = [None] * self._ranks.world if self._ranks.writes else None
        own = _own(state)
        dist.gather_object(own, box, group=self._memory)
        found: dict[str, Any] = _joined(box) if box else own
        return found

    def own_part(self, whole: Tensor, own: Tensor) -> Tensor:
        """Return all of a tensor that is here, of others their place."""
        return own if own.is_meta else whole

    def _schedule(self, images: int, parts: int) -> Schedule1F1B:
        """Return the schedule of parts of so many images; shapes settled, it computes nothing."""
        if (images, parts) not in self._schedules:
            came, goes = (
                torch.empty(images, *shape, device="meta", requires_grad=asked)
                for shape, asked in ((self._own.came, not self._first), (self._own.goes, True))
            )
            stage = PipelineStage(
                self._stage,
                self._ranks.rank,
                self._ranks.world,
                self._ranks.device,
                input_args=came,
                output_args=goes,
            )
            self._schedules[images, parts] = Schedule1F1B(stage, parts, loss_fn=_loss)
        return self._schedules[images, parts]


def _loss(logits: Tensor, targets: Tensor, *, criterion: Criterion, tally: Tensor) -> Tensor:
    loss = criterion(logits, targets)
    count(tally, loss, logits, targets)
    return loss


def _own(state: Any) -> Any:
    """Return a state without the tensors that are in other processes."""
    if isinstance(state, dict):
        return {name: _own(value) for name, value in state.items()}
    if isinstance(state, Tensor):
        return None if state.is_meta else state.cpu()
    return state


def _joined(states: Sequence[Any]) -> Any:
    """Return one state of all: of what several have, the first's."""
    present = [state for state in states if state is not None]
    if not present or not isinstance(present[0], dict):
        return present[0] if present else None
    names = dict.fromkeys(name for state in present for name in state)
    return {name: _joined([state.get(name) for state in present]) for name in names}
