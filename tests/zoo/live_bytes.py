"""How many bytes a forward pass leaves alive for its backward pass, however it keeps them."""

from typing import Any

import torch
from torch import Tensor, nn
from torch.multiprocessing.reductions import StorageWeakRef
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves


class _Storages(TorchDispatchMode):
    """Remembers the storage of every tensor that is made, without keeping it alive."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: dict[int, tuple[StorageWeakRef, int]] = {}

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        made = func(*args, **(kwargs or {}))
        for leaf in tree_leaves(made):
            if isinstance(leaf, Tensor):
                storage = leaf.untyped_storage()
                self.seen[storage._cdata] = (StorageWeakRef(storage), storage.nbytes())
        return made


def live_bytes(model: nn.Module, x: Tensor) -> int:
    """Bytes of all tensors made in model(x) that are still there when it has returned."""
    storages = _Storages()
    with storages:
        y = model(x)
    alive = sum(size for ref, size in storages.seen.values() if not ref.expired())
    assert y.requires_grad and torch.is_grad_enabled()
    return alive
