"""Claim: hybrid attention costs <= 1.15x the training step, <= 1.10x the inference of plain nets.

hybrid_resnet18 and hybrid_resnet50 at 224 pixels, batch 8, and hybrid_resnet20 at 32 pixels, batch
128, each with the strengths of its attention at random, against the network without it: eager,
float32, in turns, medians over rounds. Training step (SGD with momentum) and inference (evaluation
mode, no gradient) run in processes of their own, freed memory kept, as `plusx train` has it. Beside
them, parameters and MACs, and the same ratios for SE and CBAM in the same places.
"""

import json
import statistics
import sys
from functools import partial
from typing import Any

import torch
from torch import nn

from ledger import TRY, Row, Steps, apart, record, row
from measure import medians
from passes import PASSES
from plusx import HybridAttention, create, summary
from plusx.train.allocator import keep_freed_memory

NAMES = {"hybrid_resnet18": (8, 224), "hybrid_resnet50": (8, 224), "hybrid_resnet20": (128, 32)}
GATES = ("none", "hybrid", "se", "cbam")
MOST = {"training": 1.15, "inference": 1.10}


def made(name: str, gate: str) -> nn.Module:
    """The network, its attention as it is once it has learned something: at work."""
    model = create(name, num_classes=10, attention=gate)
    for part in model.modules():
        if isinstance(part, HybridAttention):
            for linear in (m for m in part.modules() if isinstance(m, nn.Linear)):
                nn.init.normal_(linear.weight, std=0.1)
    return model


def print_times(name: str, what: str, repeats: str) -> None:
    assert keep_freed_memory()
    batch, side = NAMES[name]
    x, y = torch.randn(batch, 3, side, side), torch.randint(0, 10, (batch,))
    times = PASSES[what]({gate: made(name, gate) for gate in GATES}, x, y, int(repeats))
    against = {
        gate: statistics.median(t / plain for t, plain in zip(times[gate], times["none"]))
        for gate in GATES[1:]
    }
    found = {f"{gate}, times plain": round(value, 3) for gate, value in against.items()}
    print(json.dumps({**found, "median seconds": medians(times)}))


def size(name: str) -> dict[str, float]:
    """What the attention adds, in percent of the plain network with 1000 classes, or 10."""
    side = NAMES[name][1]
    classes = 10 if side == 32 else 1000
    plain, whole = (
        summary(create(name, num_classes=classes, attention=gate), side)
        for gate in ("none", "hybrid")
    )
    return {
        "parameters added, %": round(100 * (whole.params / plain.params - 1), 3),
        "MACs added, %": round(100 * (whole.macs / plain.macs - 1), 3),
    }


def of_one(name: str, repeats: int) -> dict[str, Any]:
    times = {
        what: apart(sys.executable, __file__, "--times", name, what, str(repeats))
        for what in PASSES
    }
    return {**size(name), **times}


def rows(figures: dict[str, Any]) -> list[Row]:
    made = []
    for name, of in figures.items():
        for what, at_most in MOST.items():
            found = of[what]
            others = ", ".join(f"{gate} {found[f'{gate}, times plain']}x" for gate in GATES[2:])
            value = found["hybrid, times plain"]
            label = f"{name}, {what} time against the network without attention"
            made.append(row(label, value, at_most=at_most, note=others))
        for part, at_most in (("parameters", 2.0), ("MACs", 1.0)):
            value = of[f"{part} added, %"]
            made.append(row(f"{name}, {part} added", value, unit="%", at_most=at_most))
    return made


def main() -> None:
    names, repeats = ([*NAMES][:1], 1) if TRY else ([*NAMES], 11)
    steps = Steps("hybrid_cost", total=len(names), repeats=repeats)
    figures = {name: steps.once(name, partial(of_one, name, repeats)) for name in names}
    record("hybrid_cost", figures, rows=rows(figures), seconds=steps.seconds)
    steps.finish()


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["--times", name, what, repeats, *_]:
            print_times(name, what, repeats)
        case _:
            main()
