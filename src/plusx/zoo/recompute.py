"""Training memory that grows linearly along a chain of units that concatenate.

Pleiss et al. 2017, "Memory-efficient implementation of DenseNets", arXiv 1707.06990.
"""

from collections.abc import Callable, Iterator
from itertools import chain, repeat
from typing import final

import torch
from torch import Tensor, nn
from torch.autograd.graph import saved_tensors_hooks
from torch.func import functional_call
from torch.utils.checkpoint import checkpoint

__all__ = ["Prefixes", "RecomputedTransform", "SharingStage"]


@final
class Prefixes:
    """Keeps the inputs of a stage's units for the backward pass as widths of its last output.

    Each unit leaves the channels before it as they are, so every x is the first channels of the
    stage's y: to keep y is to keep them all. One object serves one forward pass.
    """

    def __init__(self) -> None:
        self._last: list[Tensor] = []

    def end(self, y: Tensor) -> None:
        """Take the stage's output, detached: a graph that held its own end would never be freed."""
        self._last.append(y.detach())

    def keeping(self, x: Tensor) -> saved_tensors_hooks:
        """Return the context in which x is kept as its width; other tensors as themselves."""
        width, kind, shape, address = x.shape[1], x.dtype, x.shape, x.data_ptr()

        def pack(tensor: Tensor) -> Tensor | None:
            same = tensor.data_ptr() == address and tensor.shape == shape  # x is alive: no other is
            return None if same else tensor

        def unpack(kept: Tensor | None) -> Tensor:
            return self._last[0][:, :width].to(kind) if kept is None else kept

        return saved_tensors_hooks(pack, unpack)


@final
class RecomputedTransform(nn.Sequential):
    """y = the parts in a chain; in training the first `num_cheap` run again in the backward pass.

    So their outputs are not kept. They run again on copies of their buffers: running statistics
    see each batch once.
    """

    def __init__(self, parts: nn.Sequential, *, num_cheap: int) -> None:
        super().__init__()
        for name, part in parts.named_children():
            self.add_module(name, part)
        self.num_cheap = num_cheap

    def forward(self, x: Tensor, prefixes: Prefixes | None = None) -> Tensor:
        parts = list(self)
        if prefixes is not None and torch.is_grad_enabled():
            x = _recomputed(nn.Sequential(*parts[: self.num_cheap]), x, prefixes)
            parts = parts[self.num_cheap :]
        for part in parts:
            x = part(x)
        return x


def _recomputed(part: nn.Module, x: Tensor, prefixes: Prefixes) -> Tensor:
    """Run `part` on x and keep nothing for the backward pass but what `prefixes` keeps of x."""

    def on_copies(x: Tensor) -> object:
        copies = {name: buffer.clone() for name, buffer in part.named_buffers()}
        return functional_call(part, copies, (x,))

    runs: Iterator[Callable[[Tensor], object]] = chain([part], repeat(on_copies))
    with prefixes.keeping(x):
        y: Tensor = checkpoint(
            lambda x: next(runs)(x), x, use_reentrant=False, preserve_rng_state=False
        )
    return y


@final
class SharingStage(nn.Sequential):
    """y = the units in a chain, whose inputs are kept in training as parts of the last output."""

    def forward(self, x: Tensor) -> Tensor:
        if not self.training:
            for unit in self:
                x = unit(x)
            return x
        prefixes = Prefixes()
        for unit in self:
            x = unit(x, prefixes)
        prefixes.end(x)
        return x
