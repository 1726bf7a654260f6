"""Claim: with `memory=saving` a DenseNet's training memory grows linearly with depth.

DenseNet-BC of growth 12 at equal steps of depth, batch 16 at 32 pixels: peak of a training step
over what stands before it, each in a process of its own, and the bytes that a forward pass keeps;
plain beside saving. The bend is how much more the last step of depth adds than the first: 0 is a
line. The price: seconds of a training step, in turns. Pleiss et al. 2017.
"""

import sys
from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.multiprocessing.reductions import StorageWeakRef
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from measure import interleaved, medians, peak_above, peak_apart, ratio, record
from plusx import create

DEPTHS = (40, 76, 112, 148)
MODES = ("plain", "saving")


def stepper(depth: int, memory: str) -> Callable[[], None]:
    model = create(f"densenet_bc{depth}_12", num_classes=10, memory=memory).train()
    optimizer = torch.optim.SGD(model.parameters(), lr=1e-3, momentum=0.9)
    x, y = torch.randn(16, 3, 32, 32), torch.randint(0, 10, (16,))

    def step() -> None:
        optimizer.zero_grad()
        F.cross_entropy(model(x), y).backward()
        optimizer.step()

    return step


class Storages(TorchDispatchMode):
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


def kept(model: nn.Module, x: Tensor) -> int:
    """Bytes of all tensors made in model(x) that are still there when it has returned."""
    with Storages() as storages:
        y = model(x)
    assert y.requires_grad
    return sum(size for ref, size in storages.seen.values() if not ref.expired())


def print_peak(depth: int, memory: str) -> None:
    print(peak_above(stepper(depth, memory), times=2))


def bend(values: list[int]) -> float:
    """How much more the last step of depth adds than the first, as a share of the first."""
    first, last = values[1] - values[0], values[-1] - values[-2]
    return round((last - first) / first, 3)


def main(repeats: int = 9) -> None:
    peaks = {m: [peak_apart(__file__, str(depth), m) for depth in DEPTHS] for m in MODES}
    figures: dict[str, Any] = {"depths": DEPTHS}
    for memory in MODES:
        x = torch.randn(16, 3, 32, 32)
        models = [create(f"densenet_bc{d}_12", num_classes=10, memory=memory) for d in DEPTHS]
        forward = [kept(model.train(), x) for model in models]
        figures[memory] = {
            "bytes kept by a forward pass": forward,
            "bend of the bytes kept": bend(forward),
            "peak bytes of a training step": peaks[memory],
            "bend of the peak": bend(peaks[memory]),
        }
    plain, saving = (peaks[memory][-1] for memory in MODES)
    figures[f"peak at depth {DEPTHS[-1]}, plain / saving"] = round(plain / saving, 2)
    times = interleaved({memory: stepper(40, memory) for memory in MODES}, repeats=repeats)
    figures["seconds of a step at depth 40"] = medians(times)
    figures["seconds, saving / plain"] = round(1 / ratio(times, "saving", "plain"), 3)
    record("densenet_memory", figures)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--peak"]:
        print_peak(int(sys.argv[2]), sys.argv[3])
    else:
        main(*map(int, sys.argv[1:]))
