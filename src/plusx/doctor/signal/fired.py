"""Fired: what the activations of a pass give, modules or functions."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, final

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode

__all__ = ["RECTIFIERS", "SQUASHERS", "Fired", "Firing"]

RECTIFIERS = {"relu", "relu6", "threshold", "gelu", "silu", "mish", "hardswish", "elu"}
"""Activations that are zero, or nearly, for all that is far below zero."""
SQUASHERS = {"sigmoid": (0.0, 1.0), "hardsigmoid": (0.0, 1.0), "tanh": (-1.0, 1.0)}
"""Activations that are flat at both ends, and the ends."""
NORMS = {"batch_norm", "layer_norm", "group_norm", "instance_norm", "rms_norm"}
FED = NORMS | {
    "conv1d", "conv2d", "conv3d", "linear", "max_pool2d", "avg_pool2d", "adaptive_avg_pool2d",
}  # fmt: skip
"""What takes the signal itself; a gate goes into a product instead."""
FADED = 1e-6
"""What is left of a smooth rectifier, such as GELU, far below zero."""


@dataclass(frozen=True)
class Fired:
    """One activation in a pass, `after` the named layer.

    `dead` is the share of its channels that are zero for all images, `saturated` the share of its
    values within 1% of the ends of a sigmoid or tanh; `feeds`: a layer, norm or pool takes it.
    """

    after: str
    kind: str
    channels: int
    samples: int
    mean: float
    std: float
    dead: float = 0.0
    saturated: float = 0.0
    feeds: bool = False


@final
class Firing(TorchFunctionMode):
    """Look at every activation that runs in the block; `after` is the layer that ran last.

    `normed` are the layers that a norm ran after.
    """

    def __init__(self) -> None:
        super().__init__()
        self.after = ""
        self.seen: list[Fired] = []
        self.normed: set[str] = set()
        self._squashed: dict[int, tuple[Tensor, int]] = {}

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Iterable[type],
        args: tuple[object, ...] = (),
        kwargs: Mapping[str, object] | None = None,
    ) -> object:
        """Run the function, and look at what an activation gives."""
        y = func(*args, **(kwargs or {}))
        name = getattr(func, "__name__", "").split(".")[0].rstrip("_")
        if name in NORMS:
            self.normed.add(self.after)
        if name in FED and args:
            _, place = self._squashed.get(id(args[0]), (None, None))
            if place is not None:
                self.seen[place] = replace(self.seen[place], feeds=True)
        elif (name in RECTIFIERS or name in SQUASHERS) and type(y) is Tensor:
            with torch._C.DisableTorchFunction():
                self.seen.append(_fired(self.after, name, y.detach().float()))
            if name in SQUASHERS:  # kept, so that no other tensor gets its number
                self._squashed[id(y)] = (y, len(self.seen) - 1)
        return y


def _fired(after: str, kind: str, y: Tensor) -> Fired:
    dim = 2 if y.dim() == 3 else min(1, y.dim() - 1)  # (B, C, ...), (B, steps, C)
    rows = y.movedim(dim, 0).flatten(1) if y.dim() > 1 else y.reshape(-1, 1)
    std = float(y.std(correction=0))  # of a single value, too
    seen = Fired(after, kind, rows.shape[0], rows.shape[1], float(y.mean()), std)
    if kind in RECTIFIERS:
        zero = 0.0 if kind.startswith("relu") else FADED
        return replace(seen, dead=float((rows.abs().amax(1) <= zero).float().mean()))
    low, high = SQUASHERS[kind]
    near = 0.01 * (high - low)
    flat = (rows < low + near) | (rows > high - near)
    return replace(seen, saturated=float(flat.float().mean()))
