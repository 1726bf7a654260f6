"""Claim: with `--recompute auto` resnet152 trains in <= 40% of the memory at <= 1.35x the time.

Batch 32 at 224 pixels, float32, SGD with momentum, freed memory kept as training keeps it: a
training step as it is, beside one with `--memory-budget 2.3` (GB, for activations). Peaks of
training steps (gradients and momentum included) over what stands before them, each in a process of
its own; seconds in turns.
"""

import sys
from collections.abc import Callable
from dataclasses import replace

import torch
from torch import nn

from ledger import TRY, record, row
from measure import interleaved, medians, peak_above, peak_apart, ratio
from passes import training_step
from plusx import create
from plusx.data import open_data
from plusx.train.allocator import keep_freed_memory
from plusx.train.config import TrainConfig
from plusx.train.recompute import recomputing

MODES = ("none", "auto")
BATCH, SIDE, BUDGET = (2, 128, 0.05) if TRY else (32, 224, 2.3)


def network(mode: str) -> tuple[nn.Module, tuple[str, ...]]:
    """resnet152 as a run would wrap it, and what the run would say of that."""
    config = TrainConfig(
        data="digits",
        model="resnet152",
        batch_size=BATCH,
        accumulate=1,
        device="cpu",
        recompute=mode,
        memory_budget=BUDGET,
    )
    data = open_data("digits")  # of which only the shape counts
    data = replace(data, input=replace(data.input, channels=3, size=SIDE, stored=SIDE))
    return recomputing(create("resnet152"), config, data)


def step_of(model: nn.Module) -> Callable[[], None]:
    x, y = torch.randn(BATCH, 3, SIDE, SIDE), torch.randint(0, 1000, (BATCH,))
    return training_step(model, x, y)


def main() -> None:
    peaks = {mode: peak_apart(__file__, mode, *["--try"] * TRY) for mode in MODES}
    keep_freed_memory()
    wrapped = {mode: network(mode) for mode in MODES}
    ways = {mode: step_of(model) for mode, (model, _) in wrapped.items()}
    times = interleaved(ways, repeats=1 if TRY else 5, warmup=1)
    memory = round(peaks["auto"] / peaks["none"], 3)
    time = round(1 / ratio(times, "auto", "none"), 3)
    what = f"resnet152, batch {BATCH} at {SIDE}, `--recompute auto`"
    record(
        "recompute",
        {
            "said": wrapped["auto"][1],
            "peak bytes of training over weights": peaks,
            "memory, auto / none": memory,
            "median seconds of a step": medians(times),
            "time, auto / none": time,
        },
        rows=[
            row(f"{what}: memory of training", memory, at_most=0.4),
            row(f"{what}: time of a step", time, at_most=1.35),
        ],
    )


if __name__ == "__main__":
    if sys.argv[1:2] == ["--peak"]:
        print(peak_above(step_of(network(sys.argv[2])[0]), times=2))
    else:
        main()
