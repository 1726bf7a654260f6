"""Real images: clean sets raise no alarm, the same sets spoiled do."""

from dataclasses import replace
from functools import cache
from itertools import combinations
from pathlib import Path

import pytest
import torch
from images_samples import asked, causes, noisy, relabelled, shuffled

import plusx
from plusx.data import open_data
from plusx.doctor import Material
from plusx.doctor.given import material_for
from plusx.doctor.stored import of_data

pytestmark = pytest.mark.full


@cache
def _fashion(folder: str) -> Material:
    model = plusx.create("resnet8", num_classes=10, in_channels=1)
    return material_for(model, open_data(Path(folder) / "fashion-mnist"))


def test_fashion_mnist_is_clean(real_data: str) -> None:
    assert causes(asked(_fashion(real_data))) == {}
    assert causes(asked(_fashion(real_data), seconds=10)) == {}


def test_fashion_mnist_spoiled(real_data: str) -> None:
    material = replace(_fashion(real_data), y=None)
    for change, cause in (
        (shuffled, "labels shuffled"),
        (noisy(0.2), "label noise"),
        (lambda y: (y + 1) % 10, "labels shifted"),
    ):
        found = asked(replace(material, train=relabelled(material.train, change)))
        assert causes(found) == {cause: "wrong"}


def test_two_classes_of_fashion_mnist_are_clean(real_data: str) -> None:
    """Shirts and T-shirts are confused, and none of their labels is wrong for it."""
    raw = _fashion(real_data).train
    assert raw is not None
    caught = []
    for a, b in [(0, 6), (2, 4), (7, 9), *list(combinations(range(10), 2))[::9]]:
        keep = ((raw.labels == a) | (raw.labels == b)).nonzero().flatten()
        x, y = raw.images[keep].float() / 128 - 1, (raw.labels[keep] == b).long()
        assert causes(asked((x, y), "labels", "noise")) == {}, (a, b)
        wrong = asked((x, noisy(0.2, classes=2)(y)), "noise")
        caught.append("label noise" in causes(wrong))
    assert sum(caught) >= 7  # of 8: with a fifth of wrong labels shirts are too hard to tell


def test_small_parts_of_cifar10_are_hard_and_not_wrong(real_data: str) -> None:
    model = plusx.create("resnet20", num_classes=10)
    data = open_data(Path(real_data) / "cifar10-jpeg.zip")
    raw = of_data(data, count=64, decoded=2000).train
    assert raw is not None
    x, y = raw.images.float() / 128 - 1, raw.labels
    order = torch.randperm(len(y), generator=torch.Generator().manual_seed(0))
    for count in (256, 300, 512, 1000):
        for some in order.split(count):
            if len(some) == count:
                assert causes(asked((x[some], y[some]), "noise", model=model)) == {}, count


def test_photographs_are_clean_and_bgr_is_seen(real_data: str) -> None:
    model = plusx.create("resnet18", num_classes=2)
    data = open_data(Path(real_data) / "photos.zip", size=64)
    material = material_for(model, data)
    assert causes(asked(material, model=model)) == {}
    swapped = asked(replace(material, x=material.x.flip(1)), "channels", model=model)
    assert causes(swapped) == {"channels swapped": "wrong"}
    assert material.train is not None
    raw = material.train.images.flip(1).float() / 255
    bgr = asked(Material(x=raw, y=None), "channels", model=model)
    assert causes(bgr) == {"channels swapped": "warning"}
    assert causes(asked(Material(x=raw.flip(1), y=None), "channels", model=model)) == {}
    assert torch.equal(raw, raw.clamp(0, 1))
