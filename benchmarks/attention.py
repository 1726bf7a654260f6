"""Claim: hybrid attention gains resnet20 one to two points, no less than SE and CBAM.

resnet20 without attention, with SE, ECA, CBAM, with the whole of hybrid attention and with less of
it (a part, the dynamic strengths, the skip), each gate where SE-ResNet has it; by
`plusx train --recipe quick`, with the same passes, five seeds, on Fashion-MNIST and, where it is at
hand, CIFAR-10. A seed draws training and validation images (the same for all), the initial weights
(those of the ResNet the same for all), order and augmentation: differences are of pairs. All test
images are read once, at the end of each run. Intervals are those of Student's t over seeds.

On a CPU some images, four passes, small batches and float32, which every processor has: 90 runs in
two to three hours on two cores, two at a time with a thread each. On a GPU all images and 24
passes. A run that was stopped goes on where it stood. What a variant costs in time is measured
apart, in turns: the training step of the same command.
"""

import hashlib
import json
import statistics
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch

import plusx.branch
import plusx.zoo.hybrid
from ledger import CORES, TRY, UNDER_WAY, Row, Steps, needs_data, record, row
from limit import set_up, training_step
from measure import interleaved, interval
from plusx import create
from plusx.data import Split, batches, open_data
from plusx.data.published import PUBLISHED
from plusx.files import write_with
from plusx.train.allocator import keep_freed_memory
from plusx.train.seeds import generator_for
from plusx_run import command, plusx_run

PLAIN, SE, WHOLE = "none", "se", "hybrid"
VARIANTS = {
    PLAIN: "no attention",
    SE: "SE",
    "eca": "ECA",
    "cbam": "CBAM",
    "hybrid-channel": "channel part alone",
    "hybrid-spatial": "spatial part alone",
    "hybrid-static": "without the dynamic part",
    "hybrid-noskip": "without the skip",
    WHOLE: "whole hybrid",
}
"""Values of the option `attention`, and what they are called in a table."""
LEAST = {PLAIN: 1.0, SE: 0.0, "cbam": 0.0}
"""Points that the claim says the whole module gains over them, at least."""
TRIED = [name for name in VARIANTS if name in (*LEAST, WHOLE) or not TRY]
SEEDS = range(2 if TRY else 5)
GPU = torch.cuda.is_available()
WHOLE_SIZE = GPU and not TRY
AT_ONCE = 1 if GPU else CORES


class Set(NamedTuple):
    """Training images a seed where not all are taken, channels, where it may lie in PLUSX_DATA."""

    images: int
    channels: int
    places: tuple[str, ...]


SETS = {
    "fashion-mnist": Set(3_500, 1, PUBLISHED["fashion-mnist"].places),
    "cifar10": Set(3_500, 3, (*PUBLISHED["cifar10"].places, "cifar10-jpeg.zip")),
}
VALIDATION = 60 if TRY else 5_000 if WHOLE_SIZE else 2_000
MODEL = "hybrid_resnet8" if TRY else "hybrid_resnet20"
EPOCHS = 1 if TRY else 24 if WHOLE_SIZE else 4
BATCH = 128 if WHOLE_SIZE else 64
PRECISION = "bf16" if GPU else "32"


def at_hand(folder: Path) -> dict[str, Path]:
    """The sets that lie in the folder, CIFAR-10 as published or as JPEGs."""
    there = {
        name: [folder / p for p in of.places if (folder / p).exists()] for name, of in SETS.items()
    }
    return {name: paths[0] for name, paths in there.items() if paths}


def images_of(name: str) -> int | None:
    """Training images a seed; None for all."""
    return 640 if TRY else None if WHOLE_SIZE else SETS[name].images


def compared() -> str:
    """A digest of all that is compared: after a change no earlier run counts."""
    of = Path(plusx.branch.__file__).parent.glob("*.py")
    files = [*sorted(of), Path(plusx.zoo.hybrid.__file__)]
    how = json.dumps(
        [MODEL, EPOCHS, VALIDATION, BATCH, PRECISION, {name: images_of(name) for name in SETS}]
    )
    text = b"".join([how.encode(), *(path.read_bytes() for path in files)])
    return hashlib.blake2b(text, digest_size=8).hexdigest()


def place_of(name: str, seed: int) -> Path:
    return UNDER_WAY / f"attention-{name}-seed{seed}-{compared()}.npz"


def drawn(name: str, source: Path, seed: int) -> Path:
    """Draw a seed's training and validation images into an .npz, beside all test images."""
    place = place_of(name, seed)
    if place.exists():
        return place
    data = open_data(source)
    order = torch.randperm(len(data.train), generator=generator_for(seed, "drawn"))
    tested = torch.randperm(len(data.test), generator=generator_for(seed, "tested"))
    parts = {
        "val": (data.train, order[:VALIDATION]),
        "train": (data.train, order[VALIDATION:][: images_of(name)]),
        "test": (data.test, tested[: 200 if TRY else None]),
    }
    arrays: dict[str, np.ndarray] = {}
    for part, (split, places) in parts.items():
        images, labels = read(split, places)
        arrays |= {f"{part}_images": images, f"{part}_labels": labels}
    write_with(place, lambda file: np.savez(file, **arrays))
    return place


def read(split: Split, places: torch.Tensor) -> tuple[np.ndarray, np.ndarray]:
    """Images (N, H, W, C), or (N, H, W) where they are grey, and their labels."""
    found = list(batches(split, places, batch_size=500, device="cpu"))
    images = torch.cat([batch.images for batch in found]).permute(0, 2, 3, 1)
    labels = torch.cat([batch.labels for batch in found])
    return (images.squeeze(3) if images.shape[3] == 1 else images).numpy(), labels.numpy()


def words(data: str, attention: str, seed: int | str) -> list[str]:
    return [
        *("--data", data, "--recipe", "quick", "--epochs", str(EPOCHS), "--seed", str(seed)),
        *("--batch-size", str(BATCH), "--precision", PRECISION),
        *("--model", MODEL, "--options.attention", attention),
    ]


def cell(name: str, source: Path, attention: str, seed: int) -> dict[str, Any]:
    data = str(drawn(name, source, seed))
    threads = None if AT_ONCE == 1 else 1
    return plusx_run(
        f"attention-{name}-{attention}-seed{seed}", words(data, attention, seed), threads=threads
    )


def step_times() -> dict[str, float]:
    """The training step of each variant, as `plusx train` takes it, over that without attention."""
    keep_freed_memory()
    ways = {
        attention: training_step(
            set_up(
                MODEL,
                PRECISION,
                side=32,
                batch=BATCH,
                device="cuda" if GPU else "cpu",
                recipe="quick",
                options={"attention": attention},
            )
        )
        for attention in TRIED
    }
    times = interleaved(ways, repeats=1 if TRY else 15)
    return {
        attention: round(statistics.median(a / b for a, b in zip(of, times[PLAIN])), 3)
        for attention, of in times.items()
    }


def parameters(attention: str, channels: int) -> int:
    model = create(MODEL, num_classes=10, in_channels=channels, attention=attention)
    return sum(p.numel() for p in model.parameters())


def points(values: list[float]) -> dict[str, Any]:
    """Mean and 95% interval over seeds, in points of a percent."""
    mean, ends = statistics.mean(values), interval(values)
    return {"mean": round(100 * mean, 2), "interval": [round(100 * end, 2) for end in ends]}


def of_variant(
    attention: str, runs: dict[str, list[dict[str, Any]]], channels: int
) -> dict[str, Any]:
    """Parameters, accuracy, differences of pairs to others, and how fast it came."""
    own = [run["accuracy"] for run in runs[attention]]
    made = {
        "called": VARIANTS[attention],
        "parameters": parameters(attention, channels),
        "accuracy by seed, %": [round(100 * value, 2) for value in own],
        "accuracy, %": points(own),
    }
    for other in LEAST:
        if other != attention:
            pairs = zip(own, (run["accuracy"] for run in runs[other]), strict=True)
            made[f"less {other}, points"] = points([a - b for a, b in pairs])
    courses = [run["validation accuracy by epoch"] for run in runs[attention]]
    made["validation accuracy by pass, %"] = [
        round(100 * statistics.mean(seen), 2) for seen in zip(*courses, strict=True)
    ]
    gradients = [run["stem gradient"] for run in runs[attention]]
    made["gradient of the stem, median"] = round(statistics.median(gradients), 3)
    return made


def verdict(found: dict[str, Any], least: float) -> str:
    """Say what the interval shows: all of it on one side of `least`, or not."""
    low, high = found["interval"]
    return "held" if low >= least else "not held" if high < least else "not decided"


def of_set(name: str, source: Path, values: dict[str, Any], seeds: int) -> dict[str, Any]:
    runs = {
        attention: [values[f"{name} {attention} seed {seed}"] for seed in SEEDS[:seeds]]
        for attention in TRIED
    }
    count, channels, times = images_of(name), SETS[name].channels, values["times"]
    variants = {attention: of_variant(attention, runs, channels) for attention in TRIED}
    for attention, of in variants.items():
        of["training step, times plain"] = times[attention]
    gained = {other: variants[WHOLE][f"less {other}, points"] for other in LEAST}
    return {
        "command": command(words("IMAGES.npz", "ATTENTION", "SEED")),
        "source": source.name,
        "images": "all" if count is None else f"{count:,}",
        "epochs": EPOCHS,
        "seeds": seeds,
        "variants": variants,
        "claim": {other: verdict(gained[other], least) for other, least in LEAST.items()},
    }


def rows(figures: dict[str, Any]) -> list[Row]:
    """Lines of README's table: what the claim says of the whole module."""
    made = []
    for name, of in figures.items():
        trained = f"{of['images']} images, {of['epochs']} passes"
        what = f"resnet20, {name}, {trained}, hybrid attention: test accuracy"
        for other, least in LEAST.items():
            found = of["variants"][WHOLE][f"less {other}, points"]
            low, high = found["interval"]
            ends = f"95% interval {low} to {high}, {of['seeds']} seeds"
            label = f"{what} gained over {VARIANTS[other]}"
            note = f"{ends}: {of['claim'][other]}"
            made.append(row(label, found["mean"], unit="points", at_least=least, note=note))
    return made


def main() -> None:
    sets = at_hand(needs_data("attention", "fashion-mnist"))
    total = 1 + len(sets) * len(TRIED) * len(SEEDS)
    sources = {name: source.name for name, source in sets.items()}
    steps = Steps("attention", total=total, at_once=AT_ONCE, sources=sources, compared=compared())
    steps.once("times", step_times)
    for seed in SEEDS:
        cells = {
            f"{name} {attention} seed {seed}": partial(cell, name, source, attention, seed)
            for name, source in sets.items()
            for attention in TRIED
        }
        if cells.keys() - steps.values.keys():
            for name, source in sets.items():
                drawn(name, source, seed)
        with ThreadPoolExecutor(AT_ONCE) as pool:
            list(pool.map(steps.once, cells.keys(), cells.values()))
        for name in sets:
            place_of(name, seed).unlink(missing_ok=True)
        if seed:
            figures = {name: of_set(name, at, steps.values, seed + 1) for name, at in sets.items()}
            record("attention", figures, rows=rows(figures), seconds=steps.seconds)
    steps.finish()


if __name__ == "__main__":
    main()
