"""Data loading as in torchvision's reference script and in timm's: Pillow, transforms, DataLoader.

torchvision's `references/classification` (presets.py and train.py, release 0.29) and timm's
`train.py` (release 1.0): RandomResizedCrop and mirror for photos; the usual crop of a padded image
and mirror for small ones, as for CIFAR. Of timm's defaults the colour jitter is left out: on all
sides images are cropped and mirrored, no more. Needs torchvision and timm.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from PIL import Image
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

import peers
from plusx.data import InMemory, Split, open_data

transforms = peers.torchvision.transforms


@dataclass(frozen=True, kw_only=True)
class Job:
    """What a usual loop is to do; `data` is a folder in three splits, or what opens in memory."""

    whose: str  # torchvision or timm
    network: str
    data: str
    size: int
    batch_size: int
    epochs: int
    workers: int
    seed: int = 0
    device: str = "cpu"


class Arrays(Dataset[tuple[Any, int]]):
    """Images in memory, each made a Pillow image as it is asked for: torchvision's CIFAR10."""

    def __init__(self, split: Split, transform: Any = None) -> None:
        assert isinstance(split.images, InMemory)
        pixels = split.images.pixels
        self.images = (pixels[:, 0] if pixels.shape[1] == 1 else pixels.permute(0, 2, 3, 1)).numpy()
        self.labels = split.labels.tolist()
        self.transform = transform

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, index: int) -> tuple[Any, int]:
        image = Image.fromarray(self.images[index])
        return self.transform(image), self.labels[index]


@dataclass(frozen=True)
class Sets:
    train: Any
    test: Any
    classes: int
    mean: tuple[float, ...]
    std: tuple[float, ...]


def sets(job: Job) -> Sets:
    """Training and test images, without their transforms."""
    if not Path(job.data).is_dir():
        data = open_data(job.data)
        spec = data.input
        return Sets(Arrays(data.train), Arrays(data.test), len(spec.classes), spec.mean, spec.std)
    if job.whose == "timm":
        train, test = (peers.timm.data.ImageDataset(f"{job.data}/{p}") for p in ("train", "test"))
    else:
        folder = peers.torchvision.datasets.ImageFolder
        train, test = (folder(f"{job.data}/{p}") for p in ("train", "test"))
    classes = sum(path.is_dir() for path in (Path(job.data) / "train").iterdir())
    return Sets(train, test, classes, (0.485, 0.456, 0.406), (0.229, 0.224, 0.225))


def loaders(job: Job, found: Sets) -> tuple[Any, Any]:
    return (timm_loaders if job.whose == "timm" else torchvision_loaders)(job, found)


def torchvision_loaders(job: Job, found: Sets) -> tuple[Any, Any]:
    ending = [
        transforms.PILToTensor(),
        transforms.ConvertImageDtype(torch.float),
        transforms.Normalize(found.mean, found.std),
    ]
    mirror = transforms.RandomHorizontalFlip()
    if job.size <= 64:
        seen, plain = [transforms.RandomCrop(job.size, padding=4), mirror], []
    else:
        seen = [transforms.RandomResizedCrop(job.size), mirror]
        plain = [transforms.Resize(round(job.size * 8 / 7)), transforms.CenterCrop(job.size)]
    found.train.transform = transforms.Compose([*seen, *ending])
    found.test.transform = transforms.Compose([*plain, *ending])
    settings = {"batch_size": job.batch_size, "num_workers": job.workers}
    settings["pin_memory"] = job.device == "cuda"
    return (
        DataLoader(found.train, shuffle=True, **settings),
        DataLoader(found.test, **settings),
    )


def timm_loaders(job: Job, found: Sets) -> tuple[Any, Any]:
    """uint8 as far as the prefetcher, which normalises whole batches."""
    settings = {
        "input_size": (len(found.mean), job.size, job.size),
        "batch_size": job.batch_size,
        "mean": found.mean,
        "std": found.std,
        "num_workers": job.workers,
        "device": torch.device(job.device),
    }
    create = peers.timm.data.create_loader
    train = create(
        found.train, is_training=True, color_jitter=None, interpolation="random", **settings
    )
    test = create(found.test, is_training=False, interpolation="bicubic", **settings)
    if job.size <= 64:
        found.train.transform.transforms[0] = transforms.RandomCrop(job.size, padding=4)
        found.test.transform = peers.timm.data.transforms.MaybePILToTensor()
    return train, test


def right(logits: Tensor, labels: Tensor) -> int:
    return int((logits.argmax(1) == labels).sum())
