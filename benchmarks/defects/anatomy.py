"""Another network than was meant: depth, width, strides, stem, order, ends."""

from functools import partial

import torch.nn.functional as F
from torch import Tensor, nn

from defects.bases import BASES, PHOTO, by_name
from defects.case import Case, Defect
from defects.digits import digits
from defects.preact_by_hand import PreActBlock, PreActResNet
from defects.resnet_by_hand import BasicBlock, ResNet
from defects.skips import of_base
from plusx import parts
from plusx.zoo.densenet import densenet
from plusx.zoo.preact import opened_before, opened_inside, preact
from plusx.zoo.resnet import resnet

__all__ = ["DEFECTS"]


class WithBias(BasicBlock):
    bias = True


class NormLast(BasicBlock):
    """Convolution, ReLU, norm."""

    def branch(self, x: Tensor) -> Tensor:
        return self.bn2(self.conv2(self.bn1(F.relu(self.conv1(x)))))


class ReluAfter(PreActBlock):
    def forward(self, x: Tensor) -> Tensor:
        return F.relu(super().forward(x))


class BareEnd(PreActResNet):
    def __init__(self) -> None:
        super().__init__()
        del self.bn

    def end(self, out: Tensor) -> Tensor:
        return out


def by_hand(**changes: object) -> Case:
    return of_base("resnet by hand", ResNet(**changes), expect=True)  # type: ignore[arg-type]


def late_stride() -> Case:
    """The second stage halves the image in its second block."""

    class Early(BasicBlock):
        def __init__(self, in_planes: int, planes: int, stride: int, *, shortcut: str) -> None:
            super().__init__(in_planes, planes, 1, shortcut=shortcut)

    class Late(BasicBlock):
        def __init__(self, in_planes: int, planes: int, stride: int, *, shortcut: str) -> None:
            super().__init__(in_planes, planes, 2, shortcut=shortcut)

    model = ResNet(odd={(2, 0): Early, (2, 1): Late})
    return of_base("resnet by hand", model, expect=True)


def photo_resnet(*depths: int) -> Case:
    model = resnet(
        transform=parts.basic,
        depths=depths,
        widths=(64, 128, 256, 512),
        stem_width=64,
        num_classes=10,
    )
    return Case(model=model, data=digits(size=PHOTO, channels=3), expect="resnet18")


def dense(*depths: int) -> Case:
    """One layer fewer or more in a stage of densenet22_12."""
    model = densenet(
        depths=depths,
        growth=12,
        stem_width=16,
        stem=parts.bare_small_stem,
        bottleneck=0,
        compression=1.0,
        num_classes=10,
        in_channels=1,
    )
    return of_base("densenet22_12", model, expect=True)


def preactivated(*depths: int) -> Case:
    """One block fewer or more in a stage of preact_resnet20."""
    model = preact(
        transform=parts.preact_basic,
        depths=depths,
        widths=(16, 32, 64),
        stem_width=16,
        stem=parts.bare_small_stem,
        shortcut=parts.pad,
        first=opened_before,
        changing=opened_inside,
        num_classes=10,
        in_channels=1,
    )
    return of_base("preact_resnet20", model, expect=True)


def without_end() -> Case:
    model = BASES["preact_resnet20"]().model
    head = model.get_submodule("head")
    head.norm, head.act = nn.Identity(), nn.Identity()
    return of_base("preact_resnet20", model)


def activated() -> Case:
    """An activation on the last sum of a pre-activation network."""
    model = BASES["preact_resnet20"]().model
    stage = model.get_submodule("stages.2")
    stage[2] = nn.Sequential(stage[2], nn.ReLU())  # type: ignore[index,operator]
    return of_base("preact_resnet20", model)


def biased() -> Case:
    """Every convolution has a bias, and a norm after it that takes it away."""
    model = BASES["resnet20"]().model
    for module in model.modules():
        for name, child in module.named_children():
            if isinstance(child, nn.Conv2d):
                setattr(module, name, with_bias(child))
    return of_base("resnet20", model)


def with_bias(old: nn.Conv2d) -> nn.Conv2d:
    new = nn.Conv2d(
        old.in_channels, old.out_channels, 3, stride=old.stride, padding=old.padding, bias=True
    )
    new.weight = old.weight
    return new


HAND = "resnet by hand"
DEFECTS = (
    Defect("a block too few", HAND, ("wrong depth",), partial(by_hand, layers=(3, 2, 3))),
    Defect("a block too many", HAND, ("wrong depth",), partial(by_hand, layers=(3, 3, 4))),
    Defect("a block too few", "resnet18", ("wrong depth",), partial(photo_resnet, 2, 2, 2, 1)),
    Defect("a block too many", "resnet18", ("wrong depth",), partial(photo_resnet, 2, 3, 2, 2)),
    Defect("a layer too few", "densenet22_12", ("wrong depth",), partial(dense, 6, 5, 6)),
    Defect(
        "a block too few",
        "preact_resnet20",
        ("wrong depth",),
        partial(preactivated, 3, 3, 2),
    ),
    Defect("stage of 48 for 64", HAND, ("wrong width",), partial(by_hand, planes=(16, 32, 48))),
    Defect("projections for zeros", HAND, ("other shortcut",), partial(by_hand, shortcut="B")),
    Defect(
        "stride in the first stage, none in the second",
        HAND,
        ("stride in the wrong place",),
        partial(by_hand, strides=(2, 1, 2)),
    ),
    Defect("stride in a stage's second block", HAND, ("stride in the wrong place",), late_stride),
    Defect("convolution, ReLU, norm", HAND, ("wrong order",), partial(by_hand, block=NormLast)),
    Defect(
        "stem for 224 pixels at 32",
        "resnet18",
        ("wrong stem",),
        lambda: Case(model=by_name("resnet18", channels=3), data=digits(size=32, channels=3)),
    ),
    Defect("no norm and ReLU at the end", "preact_resnet20", ("no final norm",), without_end),
    Defect(
        "no norm and ReLU at the end",
        "preact by hand",
        ("no final norm",),
        lambda: of_base("preact by hand", BareEnd()),
    ),
    Defect("ReLU on the last sum", "preact_resnet20", ("activation after the sum",), activated),
    Defect(
        "ReLU on every sum",
        "preact by hand",
        ("activation after the sum",),
        lambda: of_base("preact by hand", PreActResNet(block=ReluAfter)),
    ),
    Defect("biases before norms", "resnet20", ("bias before norm",), biased),
    Defect(
        "biases before norms",
        HAND,
        ("bias before norm",),
        lambda: of_base(HAND, ResNet(block=WithBias)),
    ),
)
