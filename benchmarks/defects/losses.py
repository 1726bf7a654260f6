"""Losses and targets that do not fit each other, or the network."""

from dataclasses import replace

import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset

from defects.bases import BASES
from defects.case import Case, Defect, usual
from defects.plain_by_hand import PlainCNN
from defects.resnet_by_hand import ResNet
from defects.steps import changed
from plusx import create
from plusx.doctor.given import material_for

__all__ = ["DEFECTS"]


class Cut(ResNet):
    """The last ReLU stands behind the head."""

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(super().forward(x))


def negated(logits: Tensor, y: Tensor) -> Tensor:
    return -F.cross_entropy(logits, y)


def cut_off() -> Case:
    model = Cut()
    return replace(BASES["resnet by hand"](), model=model, training=usual(model))


def from_one() -> Case:
    """Labels as a table of 1 to 10 has them."""
    healthy = BASES["resnet by hand"]()
    assert healthy.data is not None and healthy.data.y is not None
    data = replace(healthy.data, y=healthy.data.y + 1, train=None, val=None, test=None)
    return replace(healthy, data=data)


def eight_classes() -> Case:
    model = create("resnet20", num_classes=8, in_channels=1)
    return replace(BASES["resnet20"](), model=model, training=usual(model))


def broadcast() -> Case:
    """A number for each image, (B,), against outputs (B, 1): every one meets every other."""
    healthy = BASES["cnn by hand"]()
    assert healthy.data is not None and healthy.data.y is not None
    model = PlainCNN(classes=1)
    data = replace(healthy.data, y=healthy.data.y / 9, train=None, val=None, test=None, test_y=None)
    return replace(healthy, model=model, data=data, training=usual(model, loss=F.mse_loss))


def class_by_class() -> Case:
    """A loader that goes through a folder of folders, and shuffles nothing."""
    healthy = BASES["resnet by hand"]()
    assert healthy.data is not None and healthy.data.y is not None
    order = healthy.data.y.argsort(stable=True)
    images = TensorDataset(healthy.data.x[order], healthy.data.y[order])
    return replace(healthy, data=material_for(healthy.model, DataLoader(images, batch_size=64)))


HAND = "resnet by hand"
DEFECTS = (
    Defect(
        "NLLLoss of logits", HAND, ("loss not bounded",), lambda: changed(HAND, loss=nn.NLLLoss())
    ),
    Defect(
        "minus the cross-entropy",
        "cnn by hand",
        ("loss not bounded",),
        lambda: changed("cnn by hand", loss=negated),
    ),
    Defect("labels from 1 to 10", HAND, ("labels out of range",), from_one),
    Defect("eight outputs for ten classes", "resnet20", ("labels out of range",), eight_classes),
    Defect("(B,) against (B, 1)", "cnn by hand", ("targets broadcast",), broadcast),
    Defect("a ReLU on the logits", HAND, ("logits cut off",), cut_off),
    Defect("a loader without shuffle", HAND, ("not shuffled",), class_by_class),
)
