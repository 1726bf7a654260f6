"""Initialisations that do not learn, and activations that let no gradient through."""

from collections.abc import Callable
from itertools import pairwise

import torch
from torch import nn

from defects.bases import BASES, adam
from defects.case import Case, Defect, usual
from defects.plain_by_hand import PlainCNN, mlp
from defects.resnet_by_hand import BasicBlock, ResNet
from defects.skips import of_base

__all__ = ["DEFECTS"]


def rewritten(base: str, change: Callable[[torch.Tensor], object], kind: type[nn.Module]) -> Case:
    """Write the weights of all layers of a kind."""
    healthy = BASES[base]()
    with torch.no_grad():
        for module in healthy.model.modules():
            if isinstance(module, kind):
                change(module.weight)  # type: ignore[arg-type]
    return of_base(base, healthy.model)


def zeroed_block() -> Case:
    """Both convolutions of a block at zero: neither gets a gradient."""
    model = ResNet()
    block = model.layer2[1]
    nn.init.zeros_(block.conv1.weight)
    nn.init.zeros_(block.conv2.weight)
    return of_base("resnet by hand", model)


def dead_relus() -> Case:
    """Shifts of a first norm at -10: its ReLU is zero for every image."""
    model = ResNet()
    block = model.layer2[1]
    assert isinstance(block, BasicBlock)
    nn.init.constant_(block.bn1.bias, -10)
    return of_base("resnet by hand", model)


def dead_cnn() -> Case:
    model = PlainCNN()
    for at in (5, 7):
        nn.init.constant_(model.features[at].bias, -20)  # type: ignore[arg-type]
    return of_base("cnn by hand", model)


def sigmoids() -> Case:
    """Ten layers with a sigmoid each."""
    model = mlp(nn.Sigmoid, depth=10)
    data = BASES["mlp by hand"]().data
    return Case(model=model, data=data, training=usual(model, optimizer=adam(model)))


def saturated() -> Case:
    """Eight layers with a tanh each, weights ten times what they should be."""
    model = mlp(nn.Tanh, depth=8)
    with torch.no_grad():
        for layer in model[1:-1]:
            if isinstance(layer, nn.Linear):
                layer.weight.mul_(20)
    return of_base("mlp by hand", model)


def straight() -> Case:
    """Convolutions and norms in a row, and nothing between them that bends."""
    layers: list[nn.Module] = []
    for before, width in pairwise((1, 16, 16, 32, 32)):
        layers += [nn.Conv2d(before, width, 3, 1 + (width > before > 1), 1, bias=False)]
        layers += [nn.BatchNorm2d(width)]
    head = (nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(32, 10))
    return of_base(CNN, nn.Sequential(*layers, *head))


CNN, HAND, PERCEPTRON = "cnn by hand", "resnet by hand", "mlp by hand"
DEFECTS = (
    Defect(
        "all weights zero",
        CNN,
        ("initialised to zero",),
        lambda: rewritten(CNN, nn.init.zeros_, nn.Conv2d),
    ),
    Defect("a block's weights zero", HAND, ("initialised to zero",), zeroed_block),
    Defect(
        "all weights zero",
        "resnet20",
        ("initialised to zero",),
        lambda: rewritten("resnet20", nn.init.zeros_, nn.Conv2d),
    ),
    Defect(
        "all weights one",
        HAND,
        ("initialised to a constant",),
        lambda: rewritten(HAND, nn.init.ones_, nn.Conv2d),
    ),
    Defect(
        "all weights 0.01",
        PERCEPTRON,
        ("initialised to a constant",),
        lambda: rewritten(PERCEPTRON, lambda w: nn.init.constant_(w, 0.01), nn.Linear),
    ),
    Defect(
        "weights ten times too large",
        CNN,
        ("initialised too large",),
        lambda: rewritten(CNN, lambda w: w.mul_(10), nn.Conv2d),
    ),
    Defect(
        "weights ten times too large",
        "transformer by hand",
        ("initialised too large",),
        lambda: rewritten("transformer by hand", lambda w: w.mul_(10), nn.Linear),
    ),
    Defect(
        "weights a hundred times too small",
        CNN,
        ("initialised too small",),
        lambda: rewritten(CNN, lambda w: w.mul_(0.01), nn.Conv2d),
    ),
    Defect("sigmoids in a deep plain net", PERCEPTRON, ("saturating activation",), sigmoids),
    Defect(
        "tanh with weights twenty times too large",
        PERCEPTRON,
        ("saturating activation", "initialised too large"),
        saturated,
    ),
    Defect("no activation anywhere", CNN, ("no activation",), straight),
    Defect(
        "no activation anywhere",
        PERCEPTRON,
        ("no activation",),
        lambda: of_base(PERCEPTRON, mlp(nn.Identity, depth=4)),
    ),
    Defect("ReLUs dead by a norm's shift", HAND, ("dead activation",), dead_relus),
    Defect("ReLUs dead by biases", CNN, ("dead activation",), dead_cnn),
)
