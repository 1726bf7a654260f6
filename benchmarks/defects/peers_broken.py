"""torchvision's resnet18 and timm's seresnet18, changed as people change them."""

from collections.abc import Callable
from dataclasses import replace

import torch.nn.functional as F
from torch import Tensor, nn

from defects.bases import PEERS, PHOTO, peer
from defects.case import Case, Defect, usual
from defects.digits import digits

__all__ = ["DEFECTS"]

VISION, TIMM = "torchvision resnet18", "timm seresnet18"


def branch(block: nn.Module, x: Tensor) -> Tensor:
    """The transform of torchvision's BasicBlock."""
    out = block.relu(block.bn1(block.conv1(x)))
    return block.bn2(block.conv2(out))


def detached(block: nn.Module, x: Tensor) -> Tensor:
    out = branch(block, x)
    out += x.detach()
    return block.relu(out)


def left_out(block: nn.Module, x: Tensor) -> Tensor:
    return block.relu(branch(block, x))


def twice(block: nn.Module, x: Tensor) -> Tensor:
    out = branch(block, x)
    out += x
    out += x
    return block.relu(out)


def before_the_norm(block: nn.Module, x: Tensor) -> Tensor:
    out = block.conv2(block.relu(block.bn1(block.conv1(x))))
    return block.relu(block.bn2(out + x))


def timm_detached(block: nn.Module, x: Tensor) -> Tensor:
    y = block.bn2(block.conv2(block.act1(block.bn1(block.conv1(x)))))
    return block.act2(block.se(y) + x.detach())


def timm_left_out(block: nn.Module, x: Tensor) -> Tensor:
    y = block.bn2(block.conv2(block.act1(block.bn1(block.conv1(x)))))
    return block.act2(block.se(y))


def timm_gate_unused(block: nn.Module, x: Tensor) -> Tensor:
    y = block.bn2(block.conv2(block.act1(block.bn1(block.conv1(x)))))
    return block.act2(y + x)


def told(base: str, model: nn.Module) -> Case:
    return Case(model=model, data=PEERS[base]().data)


def with_forward(base: str, place: str, forward: Callable[[nn.Module, Tensor], Tensor]) -> Case:
    """Give one block another forward, as a subclass has it."""
    case = PEERS[base]()
    block = case.model.get_submodule(place)
    block.__class__ = type("BasicBlock", (type(block),), {"forward": forward})
    return told(base, case.model)


def deeper() -> Case:
    import peers

    resnet = peers.torchvision.models.resnet
    model = resnet.ResNet(resnet.BasicBlock, [2, 2, 3, 2], num_classes=10)
    return Case(model=model, data=digits(size=PHOTO, channels=3), expect="resnet18")


def with_spare_head() -> Case:
    case = PEERS[VISION]()
    case.model.classifier = nn.Linear(512, 10)
    return told(VISION, case.model)


def frozen(*places: str) -> Case:
    case = PEERS[VISION]()
    for place in places:
        for parameter in case.model.get_submodule(place).parameters():
            parameter.requires_grad = False
    return told(VISION, case.model)


def new_head() -> Case:
    """The head is exchanged after the optimizer was made."""
    case = PEERS[VISION]()
    assert case.training is not None
    case.model.fc = nn.Linear(512, 10)
    return case


def softmax() -> Case:
    case = PEERS[VISION]()
    model = case.model
    model.fc = nn.Sequential(model.fc, nn.Softmax(dim=1))
    return replace(case, training=usual(model))


def momentum(value: float) -> Case:
    case = PEERS[TIMM]()
    for module in case.model.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.momentum = value
    return told(TIMM, case.model)


def shared() -> Case:
    case = PEERS[TIMM]()
    stage = case.model.get_submodule("layer3")
    stage[1].conv2 = stage[1].conv1
    return told(TIMM, case.model)


def dropping() -> Case:
    """timm's rate of dropout before the head, with F.dropout as it stands in no mode."""
    case = PEERS[TIMM]()

    class Dropping(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return F.dropout(x, 0.3)

    case.model.global_pool = nn.Sequential(case.model.global_pool, Dropping())
    return told(TIMM, case.model)


def constant() -> Case:
    case = PEERS[TIMM]()
    for module in case.model.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.constant_(module.weight, 0.01)
    return told(TIMM, case.model)


DEFECTS = (
    Defect(
        "a skip left out",
        VISION,
        ("no shortcut",),
        lambda: with_forward(VISION, "layer2.1", left_out),
    ),
    Defect(
        "a skip detached",
        VISION,
        ("shortcut detached",),
        lambda: with_forward(VISION, "layer3.1", detached),
    ),
    Defect(
        "a skip added twice",
        VISION,
        ("shortcut added twice",),
        lambda: with_forward(VISION, "layer1.0", twice),
    ),
    Defect(
        "sum before the norm",
        VISION,
        ("shortcut before the norm",),
        lambda: with_forward(VISION, "layer2.1", before_the_norm),
    ),
    Defect("a block too many", VISION, ("wrong depth",), deeper),
    Defect(
        "stem for 224 pixels at 32",
        VISION,
        ("wrong stem",),
        lambda: Case(model=peer("torchvision", "resnet18", small=False), data=digits(channels=3)),
    ),
    Defect("a second head never used", VISION, ("unused parameter",), with_spare_head),
    Defect("a stage frozen", VISION, ("frozen parameter",), lambda: frozen("layer2")),
    Defect("a new head after the optimizer", VISION, ("not in the optimizer",), new_head),
    Defect("softmax before cross-entropy", VISION, ("softmax before the loss",), softmax),
    Defect(
        "a skip left out",
        TIMM,
        ("no shortcut",),
        lambda: with_forward(TIMM, "layer3.1", timm_left_out),
    ),
    Defect(
        "a skip detached",
        TIMM,
        ("shortcut detached",),
        lambda: with_forward(TIMM, "layer2.1", timm_detached),
    ),
    Defect(
        "a gate never used",
        TIMM,
        ("unused parameter",),
        lambda: with_forward(TIMM, "layer2.1", timm_gate_unused),
    ),
    Defect("momentum 0", TIMM, ("statistics frozen",), lambda: momentum(0.0)),
    Defect("one convolution in two places", TIMM, ("weights shared",), shared),
    Defect("F.dropout before the head", TIMM, ("dropout in eval", "random eval"), dropping),
    Defect("all weights 0.01", TIMM, ("initialised to a constant",), constant),
)
