"""How much of what the machine can do does the network use, forward and in training?"""

import os
import statistics
import time
from collections.abc import Callable, Iterator, Mapping
from functools import partial

import torch
import torch.nn.functional as F
from torch import Tensor

from plusx.doctor.cost.count import counted
from plusx.doctor.finding import Finding
from plusx.doctor.patient import Patient

__all__ = ["rounds", "speed"]

SECONDS = 2.5
SIDE = 768
LOW, LONG = 0.002, 1.0
"""A step that takes a second or more and reaches less than this share of the machine's matrix
product is worth a look. Convolutional networks reach 5 to 70% on a machine that is free, those of
depthwise convolutions 1 to 10%; a busy machine slows both alike. Short steps are mostly overhead.
"""


def speed(patient: Patient) -> Iterator[Finding]:
    """Time forward passes and training steps in turns with products of square matrices.

    The product is timed by `torch.mm` and as a 1x1 convolution, since other libraries do them and
    one may be twice the other. The fastest of each counts: it is the least disturbed.
    """
    macs = counted(patient).macs
    x = _batch(patient)
    ways: dict[str, Callable[[], object]] = {
        "forward": lambda: patient.forward(patient.model, x),
        "step": partial(_step, patient, x),
        **products(x.device),
    }
    times = rounds(ways, seconds=min(SECONDS, patient.budget.left / 2), device=x.device)
    limit = 2 * SIDE**3 / min(times["mm"], times["1x1"])
    flop = 2 * macs * len(x)
    rates = {"forward": flop / times["forward"], "step": 3 * flop / times["step"]}
    share = rates["step"] / limit
    busy = os.getloadavg()[0] > (os.cpu_count() or 1)
    low = share < LOW and times["step"] > LONG and not busy
    yield Finding(
        check="cost.speed",
        verdict="warning" if low else "fine",
        title="A training step uses little of the machine" if low else "How fast the network is",
        figure=f"forward {1e3 * times['forward']:.1f} ms, forward and backward "
        f"{1e3 * times['step']:.1f} ms for {len(x)} inputs: {rates['forward'] / 1e9:.1f} and "
        f"{rates['step'] / 1e9:.1f} GFLOP/s, {rates['forward'] / limit:.1%} and {share:.1%} of a "
        f"matrix product's {limit / 1e9:.1f} ({_threads(x)}{', others at work beside it' * busy})",
        threshold=f"{LOW:.1%} for steps over {LONG:g} s; the product is of {SIDE}x{SIDE}, timed in "
        "the same seconds",
        cause="far from the limit" if low else "",
        why="much of the time goes to work that is no product: loops in Python, tiny or depthwise "
        "layers, copies"
        if low
        else "",
        next="find it with torch.profiler; larger batches and channels_last help most" * low,
        weight=1,
    )


def products(device: torch.device) -> dict[str, Callable[[], object]]:
    """Return the product of two square matrices by both ways."""
    a, b = torch.randn(2, SIDE, SIDE, device=device).unbind()
    image = a.view(1, 32, SIDE // 32, SIDE).permute(0, 3, 1, 2)  # channels last
    weight = b.view(SIDE, SIDE, 1, 1)
    return {"mm": lambda: a @ b, "1x1": lambda: F.conv2d(image, weight)}


def rounds(
    ways: Mapping[str, Callable[[], object]], *, seconds: float, device: torch.device
) -> dict[str, float]:
    """Time each way once a round, in turns, for so long; the shortest time of each, in seconds."""
    times: dict[str, list[float]] = {name: [] for name in ways}
    began = time.perf_counter()
    done = 0
    while done < 2 or (time.perf_counter() - began < seconds and done < 20):
        for name, way in ways.items():
            start = time.perf_counter()
            way()
            if device.type == "cuda":
                torch.cuda.synchronize(device)
            times[name].append(time.perf_counter() - start)
        done += 1
    return {name: min(values[1:]) for name, values in times.items()}


def _step(patient: Patient, x: Tensor) -> None:
    y = patient.logits(patient.model.train(), x)
    y.float().square().mean().backward()
    patient.model.zero_grad(set_to_none=True)


def _batch(patient: Patient) -> Tensor:
    """Return as many inputs as make a round of about half a second, two at least."""
    x = patient.x
    tries = []
    for _ in range(2):
        start = time.perf_counter()
        patient.forward(patient.model, x[:2])
        tries.append(time.perf_counter() - start)
    each = statistics.median(tries) / 2
    return x[: max(2, min(len(x), int(0.1 / max(each, 1e-6))))]


def _threads(x: Tensor) -> str:
    if x.device.type != "cpu":
        return str(x.device)
    count = torch.get_num_threads()
    return f"{count} thread{'s' * (count != 1)}"
