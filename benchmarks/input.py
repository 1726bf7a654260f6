"""Claims: input alone, in images per second against the usual DataLoader with per-image
transforms: at least 10x for 32-pixel images in memory, at least 1.5x for a folder of photos.

Normalised float32 batches of 128 (photos: 64) on the CPU, whole epochs in turns, one thread a
process, freed memory kept in both as training keeps it. The usual loader does, operation by
operation, what torchvision 0.29 does on Pillow images, in somewhat less time than torchvision
itself: (32 pixels) RandomCrop with padding 4, mirror, ToTensor, Normalize; (photos, its reference
script) decoded in full, RandomResizedCrop to 224, mirror, PILToTensor, ConvertImageDtype,
Normalize. For 32 pixels the better of 0 and 2 workers counts; photos have 2 workers on both sides.
Photos: 400 JPEG files of about 500x375, smooth noise, quality 90, eight times over in an epoch
(starting workers costs both sides the same); and 100 of about 2000x1500, for which nothing was
claimed.
"""

import math
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image, ImageOps
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from ledger import TRY, record, row
from measure import interleaved, medians, ratio
from plusx.data import (
    Data,
    InMemory,
    InputSpec,
    OnDisk,
    Policy,
    Split,
    Views,
    batches,
    normalise,
    open_data,
    shuffled,
)
from plusx.train.allocator import keep_freed_memory

MEAN, STD = (0.5, 0.5, 0.5), (0.25, 0.25, 0.25)
PASSES = 8
SPEEDS = "images per second, medians"


def to_tensor(image: Image.Image) -> Tensor:
    """ToTensor: as torchvision's recipes for small images have it."""
    return torch.from_numpy(np.array(image)).permute(2, 0, 1).contiguous().float().div(255)


def to_tensor_of_dtype(image: Image.Image) -> Tensor:
    """PILToTensor and ConvertImageDtype: as its reference script for ImageNet has it."""
    return torch.from_numpy(np.array(image)).permute(2, 0, 1).float() / 255


def normalised(image: Tensor) -> Tensor:
    """Normalize: out of place, with its check of the deviations."""
    mean, std = torch.as_tensor(MEAN), torch.as_tensor(STD)
    assert not (std == 0).any()
    return image.clone().sub_(mean.view(-1, 1, 1)).div_(std.view(-1, 1, 1))


class Small(Dataset[tuple[Tensor, int]]):
    """RandomCrop(32, padding=4), RandomHorizontalFlip."""

    def __init__(self, split: Split) -> None:
        assert isinstance(split.images, InMemory)
        self.images = [
            Image.fromarray(image.permute(1, 2, 0).numpy()) for image in split.images.pixels
        ]
        self.labels = split.labels.tolist()

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        image = ImageOps.expand(self.images[index], border=4)
        x, y = torch.randint(0, 9, (2,)).tolist()
        image = image.crop((x, y, x + 32, y + 32))
        if torch.rand(()) < 0.5:
            image = image.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
        return normalised(to_tensor(image)), self.labels[index]


class Photos(Dataset[tuple[Tensor, int]]):
    """RandomResizedCrop(224), RandomHorizontalFlip; PASSES epochs in one."""

    def __init__(self, split: Split, area: tuple[float, float]) -> None:
        assert isinstance(split.images, OnDisk)
        self.paths = [split.images.files.path / name for name in split.names] * PASSES
        self.labels = split.labels.tolist() * PASSES
        self.area = area

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        with self.paths[index].open("rb") as file:
            image = Image.open(file).convert("RGB")
        left, top, width, height = self.box(*image.size)
        image = image.crop((left, top, left + width, top + height))
        image = image.resize((224, 224), Image.Resampling.BILINEAR)
        if torch.rand(()) < 0.5:
            image = image.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
        return normalised(to_tensor_of_dtype(image)), self.labels[index]

    def box(self, width: int, height: int) -> tuple[int, int, int, int]:
        for _ in range(10):
            area = width * height * torch.empty(1).uniform_(*self.area).item()
            aspect = math.exp(torch.empty(1).uniform_(math.log(3 / 4), math.log(4 / 3)).item())
            w, h = round(math.sqrt(area * aspect)), round(math.sqrt(area / aspect))
            if 0 < w <= width and 0 < h <= height:
                top = torch.randint(0, height - h + 1, (1,)).item()
                return int(torch.randint(0, width - w + 1, (1,)).item()), int(top), w, h
        return 0, 0, width, height


def usual(images: Dataset[tuple[Tensor, int]], workers: int, batch_size: int) -> int:
    loader = DataLoader(
        images, batch_size=batch_size, shuffle=True, drop_last=True, num_workers=workers
    )
    return sum(len(labels) for _, labels in loader)


def ours(data: Data, workers: int, batch_size: int, *, passes: int = 1) -> int:
    generator = torch.Generator().manual_seed(0)
    order = torch.cat([shuffled(data.train, generator=generator) for _ in range(passes)])
    views = Views(data.policy, data.input.size, torch.Generator().manual_seed)
    found = batches(
        data.train,
        order[: len(order) // batch_size * batch_size],
        batch_size=batch_size,
        device="cpu",
        workers=workers,
        views=views,
    )
    return sum(len(normalise(batch.images, data.input)) for batch in found)


def small_images(count: int) -> Data:
    """Noise; what is in the images makes no difference to either side."""
    data = open_data("digits")
    pixels = torch.randint(0, 256, (count, 3, 32, 32), dtype=torch.uint8)
    split = Split(InMemory(pixels), torch.zeros(count, dtype=torch.int64), ("",) * count)
    spec = InputSpec(data.input.classes, 3, 32, 32, MEAN, STD)
    policy = Policy(padding=4, flip=True, fill=(128, 128, 128))
    return replace(data, input=spec, policy=policy, train=split)


def photos(folder: Path, width: int, height: int, count: int) -> Data:
    """Draw smooth noise of slightly different sizes into train/, and a few files for the rest."""
    source = np.random.default_rng(0)
    for part, files in (("train", count), ("val", 4), ("test", 4)):
        for at in range(files):
            grain = source.integers(0, 256, (height // 8, width // 8, 3), dtype=np.uint8)
            stretch = source.uniform(0.9, 1.1)
            size = (round(width * stretch), round(height / stretch))
            image = Image.fromarray(grain).resize(size, Image.Resampling.BICUBIC)
            path = folder / part / f"class{at % 2}" / f"{at:04d}.jpg"
            path.parent.mkdir(parents=True, exist_ok=True)
            image.save(path, quality=90)
    return open_data(folder, memory_limit=0, size=224)


def compare(
    ways: dict[str, Callable[[], int]], rivals: Sequence[str], repeats: int
) -> dict[str, Any]:
    times = interleaved(ways, repeats=repeats, warmup=1)
    counts = {name: way() for name, way in ways.items()}
    assert len(set(counts.values())) == 1, counts
    speeds = {name: counts[name] / seconds for name, seconds in medians(times).items()}
    return {
        "times the usual loader": round(min(ratio(times, "plusx", name) for name in rivals), 2),
        SPEEDS: {name: round(speed) for name, speed in speeds.items()},
    }


def main() -> None:
    figures: dict[str, dict[str, Any]] = {}
    repeats = 1 if TRY else 5
    keep_freed_memory()
    torch.set_num_threads(1)
    data = small_images(1_024 if TRY else 10_240)
    small = Small(data.train)
    figures["32 pixels, in memory"] = compare(
        {
            "plusx": partial(ours, data, 0, 128),
            "usual, 0 workers": partial(usual, small, 0, 128),
            "usual, 2 workers": partial(usual, small, 2, 128),
        },
        ("usual, 0 workers", "usual, 2 workers"),
        repeats,
    )
    with tempfile.TemporaryDirectory() as folder:
        for width, height, count in (
            (500, 375, 64 if TRY else 400),
            (2000, 1500, 64 if TRY else 100),
        ):
            data = photos(Path(folder) / str(width), width, height, count)
            assert data.policy.area is not None
            figures[f"photos of about {width}x{height}, 2 workers"] = compare(
                {
                    "plusx": partial(ours, data, 2, 64, passes=PASSES),
                    "usual": partial(usual, Photos(data.train, data.policy.area), 2, 64),
                },
                ("usual",),
                repeats,
            )
    times = {name: of["times the usual loader"] for name, of in figures.items()}
    record(
        "input",
        figures,
        rows=[
            row(
                f"input alone, {name}, images/s against the usual loader",
                times[name],
                **wanted,
                note=", ".join(f"{who} {n:,}" for who, n in figures[name][SPEEDS].items()),
            )
            for name, wanted in zip(times, ({"at_least": 10}, {"at_least": 1.5}, {}), strict=True)
        ],
    )


if __name__ == "__main__":
    main()
