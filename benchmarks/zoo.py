"""Claim: our networks are as fast as torchvision's and timm's (>= 0.98x), memory <= 1.02x.

Eager, float32, the same input and optimizer, in turns: inference (evaluation mode, no gradient)
and training step (SGD with momentum), batch 8 at 224 pixels, wide 28-10 at batch 8 and 32 pixels
(its peer is written by hand here, neither library has it). Freed memory is kept by the C library,
as `plusx train` has it: our networks never work in place, so without that they wait more often for
fresh pages (LOG.md). Training and inference of each pair run in processes of their own. Memory:
peak of a training step over what stands before it, in a process each. Building resnet152: <= 1.1x
of torchvision's. Runs in the peers' environment, which has torchvision and timm.
"""

import json
import statistics
import sys
from typing import Any

import torch
from torch import Tensor, nn

import peers  # registers torchvision's operators
from ledger import TRY, Row, Steps, apart, record, row
from measure import interleaved, medians, peak_above, peak_apart, ratio
from passes import PASSES, training_step
from plusx import create
from plusx.train.allocator import keep_freed_memory

BUILDING = "building resnet152, times the peer's seconds"
NAMES = ("resnet18", "resnet50", "densenet121", "resnext50_32x4d", "seresnet50", "wrn28_10")


def inputs(name: str) -> tuple[Tensor, Tensor]:
    side = 32 if name == "wrn28_10" else 224
    return torch.randn(8, 3, side, side), torch.randint(0, 10, (8,))


def make(name: str, whose: str) -> nn.Module:
    classes = 10 if name == "wrn28_10" else 1000
    if whose == "plusx":
        return create(name, num_classes=classes)
    return peers.make(name, classes)


def print_peak(name: str, whose: str) -> None:
    x, y = inputs(name)
    print(peak_above(training_step(make(name, whose), x, y), times=3))


def print_speed(name: str, what: str, repeats: str) -> None:
    assert keep_freed_memory()
    models = {whose: make(name, whose) for whose in ("plusx", "peer")}
    times = PASSES[what](models, *inputs(name), int(repeats))
    found = {"times as fast": round(ratio(times, "plusx", "peer"), 3)}
    print(json.dumps({**found, "median seconds": medians(times)}))


def of_one(name: str, repeats: int) -> dict[str, Any]:
    pairs = [
        peak_apart(__file__, name, "plusx") / peak_apart(__file__, name, "peer") for _ in range(3)
    ]
    speeds = {
        what: apart(sys.executable, __file__, "--speed", name, what, str(repeats))
        for what in PASSES
    }
    return {"training memory, times the peer's": round(statistics.median(pairs), 3), **speeds}


def building() -> float:
    built = interleaved(
        {whose: lambda w=whose: make("resnet152", w) for whose in ("plusx", "peer")}, repeats=7
    )
    return round(1 / ratio(built, "plusx", "peer"), 3)


def rows(figures: dict[str, Any]) -> list[Row]:
    networks = {name: of for name, of in figures.items() if name != BUILDING}
    against = f"{', '.join(networks)} against torchvision's and timm's"
    made = []
    for what in PASSES:
        values = [of[what]["times as fast"] for of in networks.values()]
        made.append(
            row(
                f"{against}, {what}, freed memory kept: lowest to highest",
                min(values),
                highest=max(values),
                at_least=0.98,
            )
        )
    values = [of["training memory, times the peer's"] for of in networks.values()]
    memory = "the same, memory of a training step, lowest to highest"
    made.append(row(memory, min(values), highest=max(values), at_most=1.02))
    made.append(row("building resnet152, against torchvision's", figures[BUILDING], at_most=1.1))
    return made


def main() -> None:
    names, repeats = (NAMES[:1], 1) if TRY else (NAMES, 11)
    steps = Steps("zoo", total=len(names) + 1, repeats=repeats)
    figures: dict[str, Any] = {
        name: steps.once(name, lambda n=name: of_one(n, repeats)) for name in names
    }
    figures[BUILDING] = steps.once(BUILDING, building)
    record("zoo", figures, rows=rows(figures), seconds=steps.seconds)
    steps.finish()


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["--peak", *arguments]:
            print_peak(*arguments)
        case ["--speed", name, what, repeats, *_]:
            print_speed(name, what, repeats)
        case _:
            main()
