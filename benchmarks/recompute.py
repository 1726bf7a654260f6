"""Claim: resnet152 trains in at most 40% of the memory at no more than 1.35x the time.

Batch 32 at 224 pixels, float32, SGD with momentum: a training step as it is, beside one whose
units' activations are computed twice, as `--recompute auto` does for a budget that small. Peaks of
training steps (gradients and momentum included) over what stands before them, each in a process of
its own; seconds in turns.
"""

import sys
from collections.abc import Callable

import torch
import torch.nn.functional as F

from measure import interleaved, medians, peak_above, peak_apart, ratio, record
from plusx import create
from plusx.train.allocator import keep_freed_memory
from plusx.train.recompute import Recomputed, segments

MODES = ("kept", "computed twice")


def stepper(mode: str) -> Callable[[], None]:
    network = create("resnet152").train()
    model = network if mode == "kept" else Recomputed(network, len(segments(network))).train()
    optimizer = torch.optim.SGD(model.parameters(), lr=1e-4, momentum=0.9)
    x, y = torch.randn(32, 3, 224, 224), torch.randint(0, 1000, (32,))

    def step() -> None:
        optimizer.zero_grad()
        F.cross_entropy(model(x), y).backward()
        optimizer.step()

    return step


def print_peak(mode: str) -> None:
    print(peak_above(stepper(mode), times=2))


def main(repeats: int = 5) -> None:
    peaks = {mode: peak_apart(__file__, mode) for mode in MODES}
    keep_freed_memory()
    times = interleaved({mode: stepper(mode) for mode in MODES}, repeats=repeats)
    record(
        "recompute",
        {
            "peak bytes of training over weights": peaks,
            "memory, computed twice / kept": round(peaks[MODES[1]] / peaks[MODES[0]], 3),
            "median seconds of a step": medians(times),
            "time, computed twice / kept": round(1 / ratio(times, MODES[1], MODES[0]), 3),
        },
    )


if __name__ == "__main__":
    if sys.argv[1:2] == ["--peak"]:
        print_peak(sys.argv[2])
    else:
        main(*map(int, sys.argv[1:]))
