"""Claim: `plusx train` does at least 1.5x the images per second of the usual loop.

Fashion-MNIST, resnet20, batch 128, two cores, whole epochs in turns. The usual loop: DataLoader
with per-image transforms, float32; the better of 0 and 2 workers counts.
"""

import shutil
import statistics
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from measure import record
from plusx import create
from plusx.data import InMemory, open_data
from plusx.train.config import TrainConfig
from plusx.train.run import train
from usual_loop import PerImage, train_epoch


class Silent:
    def say(self, line: str) -> None: ...

    @contextmanager
    def progress(self, description: str, total: int | None) -> Iterator[Callable[[int], object]]:
        yield lambda steps, now="": None


def ours() -> float:
    folder = Path(tempfile.mkdtemp())
    config = TrainConfig(data="fashion-mnist", model="resnet20", batch_size=128, epochs=1)
    result = train(config, reporter=Silent(), out=folder / "run")
    shutil.rmtree(folder)
    return result.epochs[0].images_per_second


def main(repeats: int = 3) -> None:
    split = open_data("fashion-mnist").train
    assert isinstance(split.images, InMemory)
    images = PerImage(split.images.pixels, split.labels)
    speeds: dict[str, list[float]] = {"plusx": [], "usual, 0 workers": [], "usual, 2 workers": []}
    for _ in range(repeats):
        speeds["plusx"].append(ours())
        for workers in (0, 2):
            model = create("resnet20", num_classes=10, in_channels=1)
            speed = train_epoch(model, images, batch_size=128, workers=workers)
            speeds[f"usual, {workers} workers"].append(speed)
    best = [max(pair) for pair in zip(*list(speeds.values())[1:], strict=True)]
    ratios = [a / b for a, b in zip(speeds["plusx"], best, strict=True)]
    record(
        "training",
        {
            "times the usual loop": round(statistics.median(ratios), 2),
            "images per second, medians": {
                name: round(statistics.median(values)) for name, values in speeds.items()
            },
        },
    )


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
