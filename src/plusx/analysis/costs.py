"""What do the parts of a network cost: shapes, MACs, and bytes kept for the backward pass?"""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.func import functional_call

from plusx.analysis.untouched import untouched
from plusx.errors import InputError
from plusx.tape import watch

__all__ = ["Cost", "measure"]


@dataclass(frozen=True)
class Cost:
    """Of one part, for one sample."""

    output: tuple[int, ...]
    macs: int
    held: int


def measure(
    model: nn.Module, inputs: tuple[Tensor, ...], parts: Mapping[str, nn.Module]
) -> dict[str, Cost]:
    """Run one training step's forward on the meta device: shapes, MACs, bytes kept, per part.

    What forward makes by itself (positions, masks) is made on that device, too, where it has to be.
    """
    try:
        return _measured(model, inputs, parts)
    except InputError:
        with suppress(InputError, TypeError), torch.device("meta"):
            return _measured(model, inputs, parts)
        raise


def _measured(
    model: nn.Module, inputs: tuple[Tensor, ...], parts: Mapping[str, nn.Module]
) -> dict[str, Cost]:
    from torch.utils.flop_counter import FlopCounterMode

    tensors = {
        name: torch.empty_like(tensor, device="meta", requires_grad=tensor.requires_grad)
        for name, tensor in (*model.named_parameters(), *model.named_buffers())
    }
    kept: dict[int, torch.UntypedStorage] = {}  # held, so that no address is used again
    bytes_kept = macs_done = bytes_done = 0
    own = {_address(tensor) for tensor in tensors.values()}

    def keep(tensor: Tensor) -> Tensor:
        nonlocal bytes_kept
        if _address(tensor) not in own and _address(tensor) not in kept:
            kept[_address(tensor)] = tensor.untyped_storage()
            bytes_kept += tensor.untyped_storage().nbytes()
        return tensor

    batch = inputs[0].shape[0]
    measured: dict[str, Cost] = {}
    flops = FlopCounterMode(display=False)

    def see(name: str, x: Tensor, y: Tensor) -> None:
        nonlocal macs_done, bytes_done
        macs, held = flops.get_total_flops() // 2 // batch, bytes_kept // batch
        measured[name] = Cost(tuple(y.shape[1:]), macs - macs_done, held - bytes_done)
        macs_done, bytes_done = macs, held

    with (
        untouched(model),
        torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor),
        watch(parts, see),
        flops,
    ):
        model.train()
        try:
            functional_call(model, tensors, inputs)
        except (RuntimeError, ValueError) as error:
            sizes = ", ".join(str(tuple(tensor.shape[1:])) for tensor in inputs)
            reason = str(error).splitlines()[0]
            raise InputError(f"the network cannot take an input of {sizes}: {reason}") from error
    return measured


def _address(tensor: Tensor) -> int:
    return int(tensor.untyped_storage()._cdata)
