"""Images and labels that are not what the network and its user take them for."""

from collections.abc import Callable
from dataclasses import replace

import torch
from torch import Generator, Tensor

from defects.bases import by_name
from defects.case import Case, Defect, usual
from defects.digits import SPLITS, digits, material, raw, specified
from defects.resnet_by_hand import ResNet
from plusx.doctor import Material, Raw

__all__ = ["DEFECTS"]

Change = Callable[[Raw], Raw]


def relabelled(change: Callable[[Tensor], Tensor]) -> Change:
    return lambda part: replace(part, labels=change(part.labels))


def noisy(labels: Tensor, share: float = 0.2) -> Tensor:
    """A share of the labels becomes another class."""
    wrong = torch.rand(len(labels)) < share
    return torch.where(wrong, (labels + torch.randint(1, 10, labels.shape)) % 10, labels)


def shuffled(labels: Tensor) -> Tensor:
    return labels[torch.randperm(len(labels))]


def rolled(labels: Tensor) -> Tensor:
    return labels.roll(1)


def next_class(labels: Tensor) -> Tensor:
    return (labels + 1) % 10


def made(
    *, train: Change | None = None, val: Change | None = None, test: Change | None = None,
    channels: int = 1,
) -> Material:  # fmt: skip
    """Change stored images or labels of some splits; the rest is as in the healthy material."""
    parts = [raw(part, channels=channels) for part in SPLITS]
    changed = [
        part if change is None else change(part) for part, change in zip(parts, (train, val, test))
    ]
    return material(*changed)


def labels_changed(change: Callable[[Tensor], Tensor]) -> Material:
    return made(train=relabelled(change), val=relabelled(change), test=relabelled(change))


def overlapping() -> Material:
    """A third of the test images stand in training, too."""
    healthy = digits()
    assert healthy.train is not None and healthy.val is not None and healthy.test is not None
    count = len(healthy.test.labels) // 3
    train = Raw(
        torch.cat([healthy.train.images, healthy.test.images[:count]]),
        torch.cat([healthy.train.labels, healthy.test.labels[:count]]),
        healthy.train.names + tuple(f"train/more-{at}.png" for at in range(count)),
    )
    return material(train, healthy.val, healthy.test)


def unbalanced() -> Material:
    """Nine classes keep one image in thirty."""

    def thinned(part: Raw) -> Raw:
        keep = (part.labels == 0) | (torch.arange(len(part.labels)) % 30 == 0)
        names = tuple(name for name, kept in zip(part.names, keep.tolist()) if kept)
        return Raw(part.images[keep], part.labels[keep], names)

    return made(train=thinned)


def unnormalised(scale: float) -> Material:
    healthy = digits()
    assert healthy.train is not None and healthy.test is not None
    return replace(
        healthy,
        x=healthy.train.images[: len(healthy.x)] * scale,
        test_x=healthy.test.images[:256] * scale,
    )


def bgr() -> Material:
    """Read by a library that gives blue first, normalised with what was measured red first."""
    spec = specified(raw("train", channels=3))
    parts = [raw(part, channels=3) for part in SPLITS]
    swapped = [replace(part, images=part.images.flip(1)) for part in parts]
    return material(*swapped, spec=spec)


def bgr_in_test() -> Material:
    spec = specified(raw("train", channels=3))
    train, val, test = (raw(part, channels=3) for part in SPLITS)
    return material(train, val, replace(test, images=test.images.flip(1)), spec=spec)


def constant_channel() -> Material:
    """The green channel is zero everywhere."""

    def zeroed(part: Raw) -> Raw:
        images = part.images.clone()
        images[:, 1] = 0
        return replace(part, images=images)

    spec = specified(raw("train", channels=3))
    train, val, test = (zeroed(raw(part, channels=3)) for part in SPLITS)
    return material(train, val, test, spec=spec)


def three_larger() -> Material:
    """Three files are larger than all others."""
    healthy = digits()
    assert healthy.train is not None
    names = healthy.train.names
    sizes = {(32, 32): (len(names) - 3, names[0]), (640, 480): (3, names[7])}
    return replace(healthy, sizes=sizes)


def augmented(change: Callable[[Tensor, Generator], Tensor]) -> Material:
    return replace(digits(), augment=change)


def tiny_crops(images: Tensor, generator: Generator) -> Tensor:
    """An eighth of each side, enlarged."""
    side = images.shape[-1]
    corner = torch.randint(0, side - side // 8, (2,), generator=generator).tolist()
    crop = images[..., corner[0] : corner[0] + side // 8, corner[1] : corner[1] + side // 8]
    return crop.repeat_interleave(8, dim=-2).repeat_interleave(8, dim=-1)


def any_turn(images: Tensor, generator: Generator) -> Tensor:
    """Each quarter of the batch is turned or mirrored otherwise: a 6 becomes a 9."""
    return torch.stack(
        [
            image.rot90(int(torch.randint(4, (1,), generator=generator)), (1, 2)).flip(1)
            for image in images
        ]
    )


def on(data: Callable[[], Material], *, channels: int = 1, ours: bool = False) -> Case:
    """A healthy network and training on such material."""
    model = by_name("resnet20", channels=channels) if ours else ResNet(channels=channels)
    return Case(model=model, data=data(), training=usual(model))


OURS, HAND = "resnet20", "resnet by hand"
DEFECTS = (
    Defect(
        "labels shuffled",
        HAND,
        ("labels shuffled",),
        lambda: on(lambda: labels_changed(shuffled)),
    ),
    Defect(
        "labels one image off",
        OURS,
        ("labels shifted",),
        lambda: on(lambda: labels_changed(rolled), ours=True),
    ),
    Defect(
        "test labels one class off",
        HAND,
        ("labels shifted",),
        lambda: on(lambda: made(test=relabelled(next_class))),
    ),
    Defect(
        "20% of the labels wrong",
        OURS,
        ("label noise",),
        lambda: on(lambda: made(train=relabelled(noisy)), ours=True),
    ),
    Defect(
        "20% of all labels wrong", HAND, ("label noise",), lambda: on(lambda: labels_changed(noisy))
    ),
    Defect("test images in training", HAND, ("splits overlap",), lambda: on(overlapping)),
    Defect(
        "one class of ten is thirty times larger",
        HAND,
        ("classes unbalanced",),
        lambda: on(unbalanced),
    ),
    Defect(
        "pixels of 0 to 255",
        OURS,
        ("not normalised",),
        lambda: on(lambda: unnormalised(1.0), ours=True),
    ),
    Defect("blue, green, red", HAND, ("channels swapped",), lambda: on(bgr, channels=3)),
    Defect(
        "blue, green, red in test",
        OURS,
        ("channels swapped",),
        lambda: on(bgr_in_test, channels=3, ours=True),
    ),
    Defect("green is zero", HAND, ("channel constant",), lambda: on(constant_channel, channels=3)),
    Defect(
        "three files of another size",
        OURS,
        ("odd sizes",),
        lambda: on(three_larger, ours=True),
    ),
    Defect(
        "crops of an eighth of a side",
        OURS,
        ("augmentation too strong",),
        lambda: on(lambda: augmented(tiny_crops), ours=True),
    ),
    Defect(
        "turns and mirror images of digits",
        HAND,
        ("augmentation too strong",),
        lambda: on(lambda: augmented(any_turn)),
    ),
)
