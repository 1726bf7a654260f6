"""Claim: with `memory=saving` a DenseNet's training memory grows linearly with depth.

DenseNet-BC of growth 12 at equal steps of depth, batch 16 at 32 pixels: peak of a training step
over what stands before it, each in a process of its own; plain beside saving. The bend is how much
more the last step of depth adds than the first: 0 is a line. The price: seconds of a training step,
in turns. Pleiss et al. 2017.
"""

import sys
from collections.abc import Callable
from typing import Any

import torch

from ledger import TRY, record, row
from measure import interleaved, medians, peak_above, peak_apart, ratio
from passes import training_step
from plusx import create

DEPTHS = (22, 40, 58) if TRY else (40, 76, 112, 148)
MODES = ("plain", "saving")


def step_of(depth: int, memory: str) -> Callable[[], None]:
    model = create(f"densenet_bc{depth}_12", num_classes=10, memory=memory)
    return training_step(model, torch.randn(16, 3, 32, 32), torch.randint(0, 10, (16,)))


def print_peak(depth: int, memory: str) -> None:
    print(peak_above(step_of(depth, memory), times=2))


def bend(values: list[int]) -> float:
    """How much more the last step of depth adds than the first, as a share of the first."""
    first, last = values[1] - values[0], values[-1] - values[-2]
    return round((last - first) / first, 3)


def main() -> None:
    peaks = {m: [peak_apart(__file__, str(depth), m) for depth in DEPTHS] for m in MODES}
    figures: dict[str, Any] = {"depths": DEPTHS}
    for memory in MODES:
        figures[memory] = {
            "peak bytes of a training step": peaks[memory],
            "bend of the peak": bend(peaks[memory]),
        }
    plain, saving = (peaks[memory][-1] for memory in MODES)
    gain = round(plain / saving, 2)
    figures[f"peak at depth {DEPTHS[-1]}, plain / saving"] = gain
    times = interleaved({m: step_of(40, m) for m in MODES}, repeats=1 if TRY else 9)
    figures["seconds of a step at depth 40"] = medians(times)
    figures["seconds, saving / plain"] = round(1 / ratio(times, "saving", "plain"), 3)
    what = "DenseNet-BC of growth 12, `memory=saving`"
    record(
        "densenet_memory",
        figures,
        rows=[
            row(
                f"{what}: bend of the training memory from depth {DEPTHS[0]} to {DEPTHS[-1]} "
                "(0 is linear)",
                bend(peaks["saving"]),
                unit="of the first step",
                at_most=0.1,
                note=f"plain {bend(peaks['plain'])}",
            ),
            row(f"{what}: training memory saved at depth {DEPTHS[-1]}", gain),
            row(f"{what}: time of a step at depth 40", figures["seconds, saving / plain"]),
        ],
    )


if __name__ == "__main__":
    if sys.argv[1:2] == ["--peak"]:
        print_peak(int(sys.argv[2]), sys.argv[3])
    else:
        main()
