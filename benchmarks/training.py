"""Claim: `plusx train` does >= 2x the images/s of torchvision's and timm's loops, no less right.

resnet20 at 32 pixels (8,000 of CIFAR-10's images, in memory, batch 128) and resnet18 at 224
(photographs in a folder, batch 32), two cores. Ours with its own choice of recipe and precision;
theirs (usual_loop.py) in float32, each with the better of the script's own number of workers and
one a core. One epoch each, in turns, every one in a process of its own; the median of the rounds'
ratios. Images/s are those of an epoch from its first request for a batch on; our photographs are
also decoded anew each epoch, as theirs are. Then the accuracy on the test images after a few
epochs, 3 seeds each, and the 95% interval of the difference (Student's t over seeds).
"""

import json
import shutil
import statistics
import sys
import tempfile
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import sets
from ledger import CORES, PEERS, TRY, Row, Steps, apart, needs_data, needs_peers, record, row
from measure import interval
from plusx.train.config import TrainConfig
from plusx.train.run import train
from plusx.train.setup import Silent

ROUNDS, SEEDS = (1, 2) if TRY else (3, 3)
WORKERS = {"torchvision": 16, "timm": 4}  # the scripts' defaults
AGAIN = "plusx, decoding anew"


@dataclass(frozen=True)
class Cell:
    network: str
    data: Callable[[Path], Path]
    size: int
    batch_size: int
    epochs: int  # for the accuracy


CELLS = {
    "resnet20 at 32": Cell("resnet20", sets.small, 32, 128, 1 if TRY else 3),
    "resnet18 at 224": Cell("resnet18", sets.photos, 224, 8 if TRY else 32, 1 if TRY else 3),
}


def ours(job: dict[str, Any]) -> dict[str, Any]:
    folder = Path(tempfile.mkdtemp())
    result = train(TrainConfig(**job), reporter=Silent(), out=folder / "run")
    shutil.rmtree(folder)
    assert result is not None and result.test is not None
    speeds = [epoch.images_per_second for epoch in result.epochs]
    return {"images/s": speeds, "accuracy": result.test.accuracy, "recipe": result.config.recipe}


def way(cell: Cell, name: str, data: Path, *, epochs: int, seed: int) -> dict[str, Any]:
    """Train as `name` says, in a process of its own."""
    job: dict[str, Any] = {"data": str(data), "size": cell.size, "batch_size": cell.batch_size}
    job |= {"epochs": epochs, "seed": seed}
    if name.startswith("plusx"):
        job |= {"model": cell.network, "in_memory": False if name == AGAIN else None}
        return apart(sys.executable, __file__, "--ours", json.dumps(job))
    whose, workers = name.split(", ")
    job |= {"whose": whose, "network": cell.network, "workers": int(workers.split()[0])}
    return apart(PEERS, "usual_loop.py", json.dumps(job))


def names(cell: Cell) -> list[str]:
    usual = [
        f"{whose}, {count} workers"
        for whose, default in WORKERS.items()
        for count in sorted({CORES, default})
    ]
    return ["plusx", *[AGAIN] * (cell.data is sets.photos), *usual]


def one_cell(steps: Steps, title: str, cell: Cell, data: Path) -> dict[str, Any]:
    rounds = [
        steps.once(
            f"{title}, round {number}",
            lambda n=number: {
                name: way(cell, name, data, epochs=1, seed=n)["images/s"][0] for name in names(cell)
            },
        )
        for number in range(ROUNDS)
    ]
    right = [
        steps.once(
            f"{title}, accuracy, seed {seed}",
            lambda s=seed: {
                name: way(cell, name, data, epochs=cell.epochs, seed=s)["accuracy"]
                for name in ("plusx", *(f"{whose}, {CORES} workers" for whose in WORKERS))
            },
        )
        for seed in range(SEEDS)
    ]
    figures: dict[str, Any] = {
        "images/s, medians": {n: round(statistics.median(r[n] for r in rounds)) for n in rounds[0]}
    }
    for whose in WORKERS:
        ratios, again = [], []
        for each in rounds:
            best = max(speed for name, speed in each.items() if name.startswith(whose))
            ratios.append(each["plusx"] / best)
            again.append(each.get(AGAIN, each["plusx"]) / best)
        ahead = [100 * (seen["plusx"] - seen[f"{whose}, {CORES} workers"]) for seen in right]
        figures[whose] = {
            "times as fast": round(statistics.median(ratios), 2),
            "times as fast, decoding anew": round(statistics.median(again), 2),
            "accuracy, ours less theirs, points": round(statistics.mean(ahead), 2),
            "95% interval": [round(end, 2) for end in interval(ahead)],
        }
    return figures | {"accuracy by seed": right, "epochs of the accuracy": cell.epochs}


def rows(figures: dict[str, Any]) -> list[Row]:
    made = []
    for title, of in figures.items():
        for whose in WORKERS:
            found = of[whose]
            low, high = found["95% interval"]
            anew = found["times as fast, decoding anew"]
            loop = f"`plusx train`, {title}, against {whose}'s loop"
            made += [
                row(
                    f"{loop}, images/s of training",
                    found["times as fast"],
                    at_least=2.0,
                    note=f"{anew} with images decoded anew" if title.endswith("224") else "",
                ),
                row(
                    f"{loop}, test accuracy after {of['epochs of the accuracy']} epochs, ours less "
                    "theirs (wanted: not below its interval)",
                    found["accuracy, ours less theirs, points"],
                    unit="points",
                    at_least=round((low - high) / 2, 2),
                    note=f"95% interval {low} to {high}, {SEEDS} seeds",
                ),
            ]
    return made


def main() -> None:
    source = needs_data("training", "photos.zip", "cifar10-jpeg.zip")
    needs_peers("training")
    settings = {t: {**asdict(cell), "data": t} for t, cell in CELLS.items()}
    steps = Steps("training", total=len(CELLS) * (ROUNDS + SEEDS), cells=settings)
    figures = {t: one_cell(steps, t, cell, cell.data(source)) for t, cell in CELLS.items()}
    record("training", figures, rows=rows(figures), seconds=steps.seconds)
    steps.finish()


if __name__ == "__main__":
    if sys.argv[1:2] == ["--ours"]:
        print(json.dumps(ours(json.loads(sys.argv[2]))))
    else:
        main()
