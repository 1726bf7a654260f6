"""A decision of a small network on two images, one of a class folder; and what it looks for."""

from functools import cache

import torch

from plusx import create
from plusx.data import InputSpec
from plusx.explain import Decision, Features, Images, decide, features

SPEC = InputSpec(("cat", "<b>dog</b>", "owl"), 3, 16, 16, (0.5,) * 3, (0.25,) * 3)


def images(count: int = 2) -> Images:
    """Images of noise, the first in the folder of its class."""
    generator = torch.Generator().manual_seed(1)
    pixels = torch.randint(256, (count, 3, 16, 16), generator=generator, dtype=torch.uint8)
    names = ("cat/one <1>.png", *(f"elsewhere/{number}.png" for number in range(1, count)))
    return Images(names, pixels, SPEC, ("broken.png was left out: too short.",))


@cache
def decided(count: int = 2, target: str | None = None) -> Decision:
    """Decide by two methods."""
    torch.manual_seed(3)
    model = create("resnet8", num_classes=3)
    methods = ("grad-cam", "layer-cam")
    return decide(model, images(count), name="a <net>", methods=methods, target=target)


@cache
def looked(pool: int = 6) -> Features:
    """Look at one channel of each of three layers."""
    torch.manual_seed(3)
    model = create("resnet8", num_classes=3)
    return features(model, images(pool), images(2), channels=1, steps=2)
