"""Claim: without a label a network adapts to noise and to another contrast, not to inversion.

resnet20 on 10,000 images of Fashion-MNIST, then its test images in three other domains: inverted
(255 - x), noisy (x + a Gaussian of sigma 60, rounded and clipped to 0..255), faint (x / 4 + 96).
Accuracy on 10,000 test images as the network is, with batch norms re-estimated on 10,000 other
images of the domain, and with CORAL on 5,000 of them; means and 95% intervals (Student's t) over
three seeds, each with its own initialisation, training images and order. On inverted images
statistics does harm, and the gain of CORAL is within its interval: a convolution answers an
inverted image with the opposite sign, which no mean, variance or covariance of its answers tells.
About ten minutes on one core.
"""

import math
import statistics
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from ledger import TRY, Row, Steps, needs_data, record, row
from measure import interval
from plusx import create
from plusx.data import Data, InMemory, Split, augment, batches, normalise, open_data
from plusx.train.adapt import adapt, measure
from plusx.train.coral import Coral
from plusx.train.seeds import generator_for
from plusx.zoo import Network

SEEDS = (0, 1, 2)
SIGMA = 60  # of 255
TRAINING = {
    "images": 512 if TRY else 10_000,
    "epochs": 3 if TRY else 6,
    "batch_size": 128,
    "learning_rate": 0.1,
}
CORAL = {"images": 256 if TRY else 5_000, "epochs": 2, "weight": 1000.0, "learning_rate": 0.01}


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
    return {
        "seeds": [round(100 * value, 2) for value in values],
        "mean": round(100 * statistics.mean(values), 2),
        "interval": [round(100 * end, 2) for end in interval(values)],
    }


def figures(runs: dict[str, Any]) -> dict[str, Any]:
    made: dict[str, Any] = {"training": TRAINING, "coral": CORAL, "sigma": SIGMA, "runs": runs}
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


def rows(figures: dict[str, Any]) -> list[Row]:
    """What each way gains in each domain: it helps where the whole interval does."""
    names = {"statistics": "re-estimated batch norms", "coral": "CORAL"}
    return [
        row(
            f"resnet20, Fashion-MNIST made {domain}, {name} without labels: accuracy gained, low "
            "end of the 95% interval",
            gain["interval"][0],
            unit="points",
            at_least=0.0 if domain != "faint" else None,
            note=f"mean {gain['mean']}",
        )
        for domain in DOMAINS
        for method, name in names.items()
        for gain in [figures[domain][f"{method} - none"]]
    ]


def main() -> None:
    needs_data("adaptation", "fashion-mnist")
    data = open_data("fashion-mnist")
    steps = Steps("adaptation", total=len(SEEDS), training=TRAINING, coral=CORAL, sigma=SIGMA)
    runs = {
        str(seed): steps.once(f"seed {seed}", lambda s=seed: one_seed(data, s)) for seed in SEEDS
    }
    made = figures(runs)
    record("adaptation", made, rows=rows(made), seconds=steps.seconds)
    steps.finish()


if __name__ == "__main__":
    main()
