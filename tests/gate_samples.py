"""A small network with gates, trained a little so that they do something, and a study of it."""

from functools import cache

import torch
from torch import Tensor, nn

from plusx import create
from plusx.data import InputSpec
from plusx.explain.gate_study import GateStudy, gate_study

SPEC = InputSpec(("left", "<right>"), 1, 12, 12, (0.5,), (0.25,))


def halves(count: int) -> tuple[Tensor, Tensor]:
    """Images that are bright on the left or on the right, with noise; every other is right."""
    pixels = torch.randint(0, 80, (count, 1, 12, 12), generator=torch.Generator().manual_seed(0))
    labels = torch.arange(count) % 2
    for image, label in zip(pixels, labels.tolist()):
        image[:, :, 6 * label :][:, :, :6] += 120
    return pixels.byte(), labels


def gated(attention: str = "cbam") -> nn.Module:
    torch.manual_seed(0)
    model = create("resnet8", num_classes=2, in_channels=1, attention=attention)
    for parameter in model.parameters():
        if parameter.dim() > 1:
            nn.init.normal_(parameter, std=0.2)
    return model.eval()


@cache
def studied() -> GateStudy:
    pixels, labels = halves(24)
    return gate_study(gated(), pixels, labels, spec=SPEC, name="some run")
