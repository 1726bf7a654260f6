"""What differs between training and evaluation, and what a network keeps beside its parameters."""

from collections.abc import Iterable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from defects.bases import BASES
from defects.case import Case, Defect
from defects.resnet_by_hand import BasicBlock, Pad, ResNet
from defects.skips import of_base
from defects.transformer_by_hand import Block, Transformer

__all__ = ["DEFECTS"]


class AlwaysDropping(ResNet):
    def forward(self, x: Tensor) -> Tensor:
        return self.fc(F.dropout(self.features(x), 0.3))


class DroppingBlock(Block):
    def mlp(self, x: Tensor) -> Tensor:
        return F.dropout(self.fc2(F.gelu(self.fc1(self.norm2(x)))), 0.2)


class Noisy(ResNet):
    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x + 0.1 * torch.randn_like(x))


class BatchStatistics(BasicBlock):
    """F.batch_norm with training=True, whatever the mode."""

    def branch(self, x: Tensor) -> Tensor:
        out = F.relu(self.bn1(self.conv1(x)))
        bn = self.bn2
        return F.batch_norm(
            self.conv2(out), bn.running_mean, bn.running_var, bn.weight, bn.bias, training=True
        )


class StaysInTraining(nn.BatchNorm2d):
    def train(self, mode: bool = True) -> "StaysInTraining":
        return super().train(True)


class HiddenScale(ResNet):
    """A tensor that is neither a parameter nor a buffer."""

    def __init__(self) -> None:
        super().__init__()
        self.scale = 0.5 + torch.rand(1, 64)

    def forward(self, x: Tensor) -> Tensor:
        return self.fc(self.features(x) * self.scale)


class HiddenPositions(Transformer):
    def __init__(self) -> None:
        super().__init__()
        pos = self.pos.detach().clone()
        del self.pos
        self.pos = pos  # type: ignore[assignment]


class PadOnCpu(Pad):
    """The zeros of shortcut A made anew in each pass, on the CPU and in float32 always."""

    def forward(self, x: Tensor) -> Tensor:
        x = x[:, :, :: self.stride, :: self.stride]
        return torch.cat([x, torch.zeros(x.size(0), self.extra, x.size(2), x.size(3))], dim=1)


def norms(model: nn.Module) -> Iterable[nn.BatchNorm2d]:
    return [module for module in model.modules() if isinstance(module, nn.BatchNorm2d)]


def with_momentum(base: str, momentum: float) -> Case:
    model = BASES[base]().model
    for norm in norms(model):
        norm.momentum = momentum
    return of_base(base, model)


def untracked() -> Case:
    model = ResNet()
    for norm in norms(model):
        norm.track_running_stats = False
        norm.running_mean = norm.running_var = norm.num_batches_tracked = None
    return of_base("resnet by hand", model)


def padded_on_cpu() -> Case:
    model = ResNet()
    for module in model.modules():
        if isinstance(module, Pad):
            module.__class__ = PadOnCpu
    return of_base("resnet by hand", model)


def staying(base: str) -> Case:
    model = BASES[base]().model
    for norm in norms(model):
        norm.__class__ = StaysInTraining
    return of_base(base, model)


HAND, BLOCKS = "resnet by hand", "transformer by hand"
DEFECTS = (
    Defect(
        "F.dropout without training=",
        HAND,
        ("dropout in eval", "random eval"),
        lambda: of_base(HAND, AlwaysDropping()),
    ),
    Defect(
        "F.dropout without training=",
        BLOCKS,
        ("dropout in eval", "random eval"),
        lambda: of_base(BLOCKS, Transformer(block=DroppingBlock)),
    ),
    Defect("noise in evaluation", HAND, ("random eval",), lambda: of_base(HAND, Noisy())),
    Defect("momentum 0", HAND, ("statistics frozen",), lambda: with_momentum(HAND, 0.0)),
    Defect("momentum 0", "resnet18", ("statistics frozen",), lambda: with_momentum("resnet18", 0)),
    Defect(
        "momentum 1",
        "preact_resnet20",
        ("statistics of one batch",),
        lambda: with_momentum("preact_resnet20", 1.0),
    ),
    Defect(
        "batch norm with training=True",
        HAND,
        ("statistics move in eval",),
        lambda: of_base(HAND, ResNet(odd={(3, 1): BatchStatistics})),
    ),
    Defect(
        "norms that stay in training",
        "densenet22_12",
        ("statistics move in eval",),
        lambda: staying("densenet22_12"),
    ),
    Defect("norms without running statistics", HAND, ("no running statistics",), untracked),
    Defect(
        "a scale that is no buffer",
        HAND,
        ("hidden tensor", "state not saved"),
        lambda: of_base(HAND, HiddenScale()),
    ),
    Defect(
        "positions that are no parameter",
        BLOCKS,
        ("hidden tensor", "state not saved"),
        lambda: of_base(BLOCKS, HiddenPositions()),
    ),
    Defect(
        "zeros of a shortcut always on the CPU",
        HAND,
        ("hidden tensor",),
        padded_on_cpu,
    ),
)
