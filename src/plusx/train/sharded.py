"""Every parameter lies in pieces on all processes; a unit is whole while it is computed.

Rajbhandari et al. 2019, "ZeRO: memory optimizations toward training trillion parameter models",
arXiv 1910.02054, stage 3; Zhao et al. 2023, "PyTorch FSDP", arXiv 2304.11277. The engine is torch's
`fully_shard`.
"""

from collections.abc import Callable
from typing import Any, final

import torch
from torch import Tensor, nn
from torch.distributed.tensor import DTensor, distribute_tensor

from plusx.errors import InputError
from plusx.train.ranks import Ranks
from plusx.train.spread import Criterion, Spread, count, filled
from plusx.unit import outer_units

__all__ = ["Sharded", "shard"]


def shard(network: nn.Module, ranks: Ranks) -> str:
    """Split the parameters of `network` over all processes, unit by unit; return how in a line.

    Each process then keeps its rows of every parameter, of its gradient and of its optimizer's
    state. What stands in no unit (stem, head, transitions) is gathered together. Raises
    `InputError` for a network without units, and for parameters without dimensions, which have no
    rows.
    """
    from torch.distributed.device_mesh import init_device_mesh
    from torch.distributed.fsdp import fully_shard

    found = outer_units(network)
    if not found:
        raise InputError(
            "--shard splits a network along its residual units, and this one has none; leave it out"
        )
    scalars = [name for name, p in network.named_parameters() if p.dim() == 0]
    if scalars:
        raise InputError(
            f"--shard splits parameters along their first dimension, and {scalars[0]} has none; "
            "take another network, or leave --shard out"
        )
    total = sum(p.numel() for p in network.parameters())
    network.to(memory_format=torch.contiguous_format)  # type: ignore[call-overload]
    mesh = init_device_mesh(ranks.device.type, (ranks.world,))
    for part in (*(unit.module for unit in found), network):
        # the root too lets go: averaged weights come and go between two passes
        fully_shard(part, mesh=mesh, reshard_after_forward=True)
    own = sum(_here(p).numel() for p in network.parameters())
    return (
        f"Split over {ranks.world} processes along {len(found)} units: the first holds {own:,} of "
        f"{total:,} parameters"
    )


@final
class Sharded(Spread):
    """A network whose parameters are DTensors: pieces of one tensor on all processes."""

    def __init__(self, network: nn.Module, *, fabric: Any, ranks: Ranks) -> None:
        self._network, self._fabric, self._ranks = network, fabric, ranks

    def learn(
        self, images: Tensor, targets: Tensor, *, parts: int, criterion: Criterion, tally: Tensor
    ) -> None:
        """Pass part after part; each leaves the mean of all processes' gradients in pieces."""
        images, targets = filled(images, targets, parts)
        for x, y in zip(images.chunk(parts), targets.chunk(parts), strict=True):
            with self._fabric.autocast():
                logits = self._network(x).float()
            loss = criterion(logits, y)
            (loss / parts).backward()
            count(tally, loss, logits, y)

    def logits(self, images: Tensor) -> Tensor:
        """Return the logits of this process's images; the others need as many calls."""
        # what is gathered in inference mode could not be trained on afterwards
        with torch.inference_mode(False), torch.no_grad(), self._fabric.autocast():
            logits: Tensor = self._network(images.clone())
        return logits.float()

    def clip(self, optimizer: Any, max_norm: float) -> None:
        """Clip by the norm over all pieces, which torch sums."""
        nn.utils.clip_grad_norm_(self._network.parameters(), max_norm)

    def collected(self, state: dict[str, Any]) -> dict[str, Any]:
        """Put the pieces together, tensor by tensor, in the first process's memory."""
        with torch.no_grad():
            found: dict[str, Any] = _mapped(state, self._whole)
        return found

    def own_part(self, whole: Tensor, own: Tensor) -> Tensor:
        """Return this process's piece as one of a DTensor, without a message."""
        if not isinstance(own, DTensor):
            return whole
        whole = whole.to(self._ranks.device)
        return distribute_tensor(whole, own.device_mesh, own.placements, src_data_rank=None)

    def _whole(self, tensor: Tensor) -> Tensor | None:
        if isinstance(tensor, DTensor):
            tensor = tensor.full_tensor()
        return tensor.cpu() if self._ranks.writes else None


def _mapped(state: Any, change: Callable[[Tensor], Any]) -> Any:
    if isinstance(state, dict):
        return {name: _mapped(value, change) for name, value in state.items()}
    return change(state) if isinstance(state, Tensor) else state


def _here(parameter: Tensor) -> Tensor:
    assert isinstance(parameter, DTensor)
    return parameter.to_local()
