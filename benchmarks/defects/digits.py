"""The images of the bench: scikit-learn's digits, which need no file, enlarged."""

from collections.abc import Sequence
from functools import cache

import torch
import torch.nn.functional as F
from torch import Tensor

from plusx.data import InMemory, InputSpec, Split, open_data
from plusx.doctor import Material, Raw

__all__ = ["SPLITS", "digits", "material", "raw", "specified"]

SPLITS = ("train", "val", "test")
GIVEN = 256
"""Images of training and of test that the network is examined with."""
WARM, COLD = (0.9, 0.6, 0.2), (0.1, 0.3, 0.5)
"""Red, green, blue of the ink and of the paper of coloured digits."""


@cache
def _stored(part: str) -> tuple[Tensor, Tensor]:
    split: Split = getattr(open_data("digits"), part)
    assert isinstance(split.images, InMemory)
    return split.images.pixels, split.labels


def raw(part: str, *, size: int = 32, channels: int = 1) -> Raw:
    """Digits of one split, uint8 (N, channels, size, size): 1,301, 142 and 354 of them.

    Coloured ones have ink of one tint and paper of another, each a little different.
    """
    pixels, labels = _stored(part)
    ink = F.interpolate(pixels / 255, (size, size), mode="bilinear").clamp(0, 1)
    if channels == 3:
        generator = torch.Generator().manual_seed(SPLITS.index(part))
        warm, cold = (
            (torch.tensor(tint) + 0.05 * torch.randn(len(ink), 3, generator=generator))[
                :, :, None, None
            ]
            for tint in (WARM, COLD)
        )
        ink = (ink * warm + (1 - ink) * cold).clamp(0, 1)
    names = tuple(f"{part}/{at:05d}.png" for at in range(len(labels)))
    return Raw((255 * ink).round().to(torch.uint8), labels.clone(), names)


def specified(train: Raw) -> InputSpec:
    """Measure what the network's input is to be normalised with."""
    shares = train.images / 255
    mean, std = shares.mean((0, 2, 3)), shares.std((0, 2, 3))
    channels, size = train.images.shape[1:3]
    classes = tuple(str(digit) for digit in range(10))
    return InputSpec(classes, channels, size, size, tuple(mean.tolist()), tuple(std.tolist()))


def normalised(images: Tensor, spec: InputSpec) -> Tensor:
    mean, std = (torch.tensor(each)[:, None, None] for each in (spec.mean, spec.std))
    return (images / 255 - mean) / std


def material(train: Raw, val: Raw, test: Raw, *, spec: InputSpec | None = None) -> Material:
    """Give stored images as a careful user does: normalised, in three splits."""
    spec = spec or specified(train)
    return Material(
        x=normalised(train.images[:GIVEN], spec),
        y=train.labels[:GIVEN],
        test_x=normalised(test.images[:GIVEN], spec),
        test_y=test.labels[:GIVEN],
        train=train,
        val=val,
        test=test,
        spec=spec,
    )


def digits(*, size: int = 32, channels: int = 1, parts: Sequence[str] = SPLITS) -> Material:
    """Make the healthy material: all images of all splits."""
    train, val, test = (raw(part, size=size, channels=channels) for part in parts)
    return material(train, val, test)
