"""Run folders of trainings that went wrong: each a real run of resnet8 on few of the digits."""

import atexit
import tempfile
from contextlib import suppress
from functools import cache
from pathlib import Path

import numpy as np
import torch

from defects.case import Case, Defect
from defects.digits import SPLITS, material
from plusx import create, load
from plusx.data.digits import read_digits
from plusx.doctor import Raw
from plusx.train.config import TrainConfig
from plusx.train.run import train
from plusx.train.setup import Silent
from plusx.train.stop import NonFiniteLossError

__all__ = ["DEFECTS", "healthy_run"]


MODEL = "resnet8"
ENOUGH = 1000
"""Training images of a healthy run."""


@cache
def _folder() -> Path:
    """A place that goes when the process ends."""
    place = tempfile.TemporaryDirectory(prefix="defects-")
    atexit.register(place.cleanup)
    return Path(place.name)


@cache
def few(count: int) -> Path:
    """So many training digits, 300 for validation and 300 for the test, in an .npz."""
    parts = {part: stored(part, count) for part in SPLITS}
    place = _folder() / f"{count}-digits.npz"
    np.savez(
        place,
        **{f"{part}_images": of.images[:, 0].numpy() for part, of in parts.items()},
        **{f"{part}_labels": of.labels.numpy() for part, of in parts.items()},
    )
    return place


def stored(part: str, count: int) -> Raw:
    """One split of the digits: all writers in each where there are images enough, else few."""
    first, last = {"val": (0, 300), "test": (300, 600), "train": (600, 600 + count)}[part]
    found = read_digits()
    labels = torch.tensor([entry.label for entry in found.parts["train"]])
    order = torch.arange(len(labels))  # writer by writer
    if count == ENOUGH:
        order = torch.randperm(len(labels), generator=torch.Generator().manual_seed(0))
    order = order[first:last]
    names = tuple(f"{part}/{at:05d}" for at in range(len(order)))
    return Raw(found.pixels[order], labels[order], names)


@cache
def folder(name: str, *, count: int = ENOUGH, **settings: object) -> Path:
    """Train once; the folder is the same for all who ask."""
    path = _folder() / name
    config = TrainConfig(
        data=str(few(count)), model=MODEL, device="cpu", compile="never", **settings  # type: ignore[arg-type]
    )  # fmt: skip
    with suppress(NonFiniteLossError):  # the folder says how far it came
        train(config, reporter=Silent(), out=path)
    return path


def of_run(path: Path, count: int) -> Case:
    data = material(*(stored(part, count) for part in SPLITS))
    kept = path / "model"
    model = load(kept) if kept.exists() else create(MODEL, num_classes=10, in_channels=1)
    return Case(model=model.eval(), data=data, run=path)


def healthy_run() -> Case:
    """Fifteen epochs of the recipe for small sets, on a thousand digits."""
    return of_run(folder("healthy", epochs=15), ENOUGH)


def overfits() -> Case:
    """Forty epochs on fifty images of a few writers."""
    path = folder(
        "overfits",
        count=50,
        epochs=40,
        batch_size=25,
        weight_decay=0.0,
        label_smoothing=0.0,
        learning_rate=0.05,
    )
    return of_run(path, 50)


def too_short() -> Case:
    return of_run(folder("too-short", epochs=5, learning_rate=0.004, schedule="constant"), ENOUGH)


def never_decayed() -> Case:
    return of_run(
        folder("never-decayed", epochs=15, learning_rate=0.3, schedule="constant"), ENOUGH
    )


def underfits() -> Case:
    """The rate is some thousand times too low."""
    return of_run(folder("underfits", epochs=6, learning_rate=1e-5), ENOUGH)


def unstable() -> Case:
    """The rate is two hundred times too high."""
    path = folder("unstable", epochs=8, learning_rate=8.0, warmup=0.0)
    return of_run(path, ENOUGH)


def ended() -> Case:
    """The rate is so high that the loss is no number at last."""
    path = folder("ended", epochs=8, learning_rate=20.0, schedule="constant", warmup=0.0)
    return of_run(path, ENOUGH)


RUN = "a run of resnet8"
DEFECTS = (
    Defect("fifty images of a few writers", RUN, ("overfits",), overfits),
    Defect("five epochs at a low rate", RUN, ("too short",), too_short),
    Defect("a constant rate", RUN, ("rate never decayed",), never_decayed),
    Defect("a rate 1,000 times too low", RUN, ("rate too low",), underfits),
    Defect("a rate 200 times too high", RUN, ("rate too high", "unstable"), unstable),
    Defect("a loss that is no number", RUN, ("unstable", "rate too high"), ended),
)
