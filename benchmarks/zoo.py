"""Claim: our networks are as fast as torchvision's and timm's (>= 0.98x), memory <= 1.02x.

Eager, float32, the same input and optimizer, in turns: inference (evaluation mode, no gradient)
and training step (SGD with momentum), batch 8 at 224 pixels, wide 28-10 at batch 8 and 32 pixels
(its peer is written by hand here, neither library has it). Twice: as the process is, and with
freed memory kept by the C library, as `plusx train` has it; our networks never work in place, so
without that they wait more often for fresh pages. Memory: peak of a training step over
what stands before it, each in a process of its own. Building resnet152: <= 1.1x of torchvision's.
Needs torchvision and timm: run by `make bench-peers` in the peers' environment.
"""

import json
import statistics
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

import peers  # registers torchvision's operators
from measure import interleaved, medians, peak_above, peak_apart, ratio, record
from plusx import create
from plusx.train.allocator import keep_freed_memory

AS_IS, KEPT = "as it is", "freed memory kept"
NAMES = ("resnet18", "resnet50", "densenet121", "resnext50_32x4d", "seresnet50", "wrn28_10")


def inputs(name: str) -> tuple[Tensor, Tensor]:
    side = 32 if name == "wrn28_10" else 224
    return torch.randn(8, 3, side, side), torch.randint(0, 10, (8,))


def make(name: str, whose: str) -> nn.Module:
    classes = 10 if name == "wrn28_10" else 1000
    if whose == "plusx":
        return create(name, num_classes=classes)
    return peers.make(name, classes)


def stepper(model: nn.Module, x: Tensor, y: Tensor) -> Callable[[], None]:
    optimizer = torch.optim.SGD(model.parameters(), lr=1e-4, momentum=0.9)

    def step() -> None:
        optimizer.zero_grad()
        F.cross_entropy(model(x), y).backward()
        optimizer.step()

    return step


def speed(name: str, repeats: int) -> dict[str, object]:
    x, y = inputs(name)
    models = {whose: make(name, whose) for whose in ("plusx", "peer")}
    trained = interleaved(
        {whose: stepper(model.train(), x, y) for whose, model in models.items()}, repeats=repeats
    )
    for model in models.values():
        model.eval()
    with torch.inference_mode():
        ran = interleaved(
            {whose: lambda m=model: m(x) for whose, model in models.items()}, repeats=2 * repeats
        )
    return {
        "training, times as fast": round(ratio(trained, "plusx", "peer"), 3),
        "inference, times as fast": round(ratio(ran, "plusx", "peer"), 3),
        "median seconds": {"training": medians(trained), "inference": medians(ran)},
    }


def print_peak(name: str, whose: str) -> None:
    x, y = inputs(name)
    print(peak_above(stepper(make(name, whose).train(), x, y), times=3))


def print_speed(name: str, memory: str, repeats: str) -> None:
    if memory == KEPT:
        assert keep_freed_memory()
    print(json.dumps(speed(name, int(repeats))))


def apart(*arguments: str) -> dict[str, Any]:
    """What this file prints for `arguments` in a process of its own, with a heap of its own."""
    done = subprocess.run(
        [sys.executable, __file__, *arguments], check=True, capture_output=True, text=True
    )
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def main(repeats: int = 11) -> None:
    figures: dict[str, Any] = {}
    for name in NAMES:
        pairs = [
            peak_apart(__file__, name, "plusx") / peak_apart(__file__, name, "peer")
            for _ in range(3)
        ]
        figures[name] = {
            "training memory, times the peer's": round(statistics.median(pairs), 3),
            **{memory: apart("--speed", name, memory, str(repeats)) for memory in (AS_IS, KEPT)},
        }
        print(name, json.dumps(figures[name]), flush=True)
    built = interleaved(
        {whose: lambda w=whose: make("resnet152", w) for whose in ("plusx", "peer")}, repeats=7
    )
    figures["building resnet152, times the peer's seconds"] = round(
        1 / ratio(built, "plusx", "peer"), 3
    )
    record("zoo", figures)


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["--peak", *arguments]:
            print_peak(*arguments)
        case ["--speed", *arguments]:
            print_speed(*arguments)
        case numbers:
            main(*map(int, numbers))
