"""Claim: without a label a network adapts to noise and to another contrast, not to inversion.

resnet20 on 10,000 images of Fashion-MNIST, then its test images in three other domains: inverted
(255 - x), noisy (x + a Gaussian of sigma 60, rounded and clipped to 0..255), faint (x / 4 + 96).
Accuracy on 10,000 test images as the network is, with batch norms re-estimated on 10,000 other
images of the domain, and with CORAL on 5,000 of them; means and 95% intervals (Student's t) over
three seeds, each with its own initialisation, training images and order. On inverted images
statistics does harm, and the gain of CORAL is within its interval: a convolution answers an
inverted image with the opposite sign, which no mean, variance or covariance of its answers tells.
About ten minutes on one core; `--resume` goes on after the seeds in results/adaptation.json.
"""

import json
import math
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from measure import RESULTS, record
from plusx import create
from plusx.data import Data, InMemory, Split, augment, batches, normalise, open_data
from plusx.train.adapt import adapt, measure
from plusx.train.coral import Coral
from plusx.train.seeds import generator_for
from plusx.zoo import Network

SEEDS = (0, 1, 2)
T_95 = {2: 12.706, 3: 4.303, 4: 3.182, 5: 2.776}  # of Student's t, by number of seeds
SIGMA = 60  # of 255
TRAINING = {"images": 10_000, "epochs": 6, "batch_size": 128, "learning_rate": 0.1}
CORAL = {"images": 5_000, "epochs": 2, "weight": 1000.0, "learning_rate": 0.01}


def noisy(pixels: Tensor) -> Tensor:
    generator = generator_for(0, "noise", len(pixels))
    noise = SIGMA * torch.randn(pixels.shape, generator=generator)
    return (pixels.float() + noise).round().clamp(0, 255).to(torch.uint8)


DOMAINS: dict[str, Callable[[Tensor], Tensor]] = {
    "inverted": lambda pixels: 255 - pixels,
    "noisy": noisy,
    "faint": lambda pixels: (pixels.float() / 4 + 96).round().to(torch.uint8),
}


def drawn(split: Split, count: int, seed: int) -> Split:
    order = torch.randperm(len(split), generator=generator_for(seed, "drawn"))[:count]
    assert isinstance(split.images, InMemory)
    names = [split.names[at] for at in order.tolist()]
    return Split(InMemory(split.images.pixels[order]), split.labels[order], names)


def shifted(split: Split, change: Callable[[Tensor], Tensor]) -> Split:
    assert isinstance(split.images, InMemory)
    return replace(split, images=InMemory(change(split.images.pixels)))


def trained(data: Data, images: Split, seed: int) -> Network:
    """SGD with Nesterov momentum, 10% warm-up, cosine; crops and mirror images; bf16 forward."""
    torch.manual_seed(seed)
    network = create("resnet20", num_classes=10, in_channels=1)
    network = network.to(memory_format=torch.channels_last)
    peak, size = TRAINING["learning_rate"], int(TRAINING["batch_size"])
    optimizer = torch.optim.SGD(
        network.parameters(), lr=peak, momentum=0.9, nesterov=True, weight_decay=5e-4
    )
    steps = len(images) // size
    total, step = steps * int(TRAINING["epochs"]), 0
    warm = total // 10
    for epoch in range(int(TRAINING["epochs"])):
        order = torch.randperm(len(images), generator=generator_for(seed, "order", epoch))
        for batch in batches(images, order[: steps * size], batch_size=size, device="cpu"):
            cosine = 0.5 * (1 + math.cos(math.pi * (step - warm) / (total - warm)))
            optimizer.param_groups[0]["lr"] = peak * min((step + 1) / warm, cosine)
            generator = generator_for(seed, "augment", step)
            seen = augment(batch.images, data.policy, size=28, generator=generator)
            with torch.autocast("cpu", torch.bfloat16):
                logits = network(normalise(seen, data.input))
            optimizer.zero_grad()
            F.cross_entropy(logits.float(), batch.labels, label_smoothing=0.1).backward()
            optimizer.step()
            step += 1
    return network.eval()


def one_seed(data: Data, seed: int) -> dict[str, dict[str, float]]:
    """Accuracy by domain and method."""
    spec = data.input
    images = drawn(data.train, int(TRAINING["images"]), seed)
    network = trained(data, images, seed)
    found = {"as trained": {"none": measure(network, data.test, spec).accuracy}}
    few = int(CORAL["images"])
    settings = Coral(
        epochs=int(CORAL["epochs"]),
        weight=CORAL["weight"],
        learning_rate=CORAL["learning_rate"],
        seed=seed,
    )
    # the target shows other images than those that the network was trained on
    others = drawn(data.train, 2 * len(images), seed)
    others = Split(
        InMemory(others.images.pixels[len(images) :]),  # type: ignore[attr-defined]
        others.labels[len(images) :],
        others.names[len(images) :],
    )
    for domain, change in DOMAINS.items():
        target, test = shifted(others, change), shifted(data.test, change)
        adapted = {
            "none": network,
            "statistics": adapt(network, target, spec, seed=seed),
            "coral": adapt(
                network,
                drawn(target, few, seed),
                spec,
                method="coral",
                source=drawn(images, few, seed),
                coral=settings,
                seed=seed,
            ),
        }
        found[domain] = {name: measure(made, test, spec).accuracy for name, made in adapted.items()}
    return found


def summed(values: list[float]) -> dict[str, Any]:
    """Mean and 95% interval over seeds, in percent."""
    mean = statistics.mean(values)
    half = T_95[len(values)] * statistics.stdev(values) / math.sqrt(len(values))
    return {
        "seeds": [round(100 * value, 2) for value in values],
        "mean": round(100 * mean, 2),
        "interval": [round(100 * (mean - half), 2), round(100 * (mean + half), 2)],
    }


def figures(runs: dict[str, Any], seconds: float) -> dict[str, Any]:
    made: dict[str, Any] = {
        "command": "PLUSX_DATA=... python benchmarks/adaptation.py",
        "training": TRAINING,
        "coral": CORAL,
        "sigma": SIGMA,
        "seconds": round(seconds),
        "runs": runs,
    }
    if len(runs) < 2:
        return made
    for domain in ("as trained", *DOMAINS):
        by_seed = [run[domain] for run in runs.values()]
        made[domain] = {
            method: summed([run[method] for run in by_seed]) for method in by_seed[0]
        } | {
            f"{method} - none": summed([run[method] - run["none"] for run in by_seed])
            for method in by_seed[0]
            if method != "none"
        }
    return made


def main(*words: str) -> None:
    data = open_data("fashion-mnist")
    runs: dict[str, Any] = {}
    path = RESULTS / "adaptation.json"
    seconds = 0.0
    if "--resume" in words and path.exists():
        before = json.loads(path.read_text())["figures"]
        if (before["training"], before["coral"]) == (TRAINING, CORAL):
            runs, seconds = before["runs"], before["seconds"]
    for seed in SEEDS:
        if str(seed) not in runs:
            began = time.perf_counter()
            runs[str(seed)] = one_seed(data, seed)
            seconds += time.perf_counter() - began
            record("adaptation", figures(runs, seconds))


if __name__ == "__main__":
    main(*sys.argv[1:])
