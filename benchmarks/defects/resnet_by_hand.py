"""A residual network as people write it on forums: own classes, F.relu, in-place +=.

The 20-layer network of He et al. 2015, section 4.2, unless told otherwise. `odd[stage, block]` is
another class for one block; everything is in one style on purpose, that of no library.
"""

from collections.abc import Mapping, Sequence

import torch.nn.functional as F
from torch import Tensor, nn

__all__ = ["BasicBlock", "Pad", "ResNet", "project"]


class Pad(nn.Module):
    """Shortcut A: every stride-th pixel, zero channels on both sides."""

    def __init__(self, extra: int, stride: int) -> None:
        super().__init__()
        self.extra, self.stride = extra, stride

    def forward(self, x: Tensor) -> Tensor:
        x = x[:, :, :: self.stride, :: self.stride]
        return F.pad(x, (0, 0, 0, 0, self.extra // 2, self.extra // 2))


def project(in_planes: int, planes: int, stride: int) -> nn.Module:
    """Shortcut B."""
    return nn.Sequential(
        nn.Conv2d(in_planes, planes, kernel_size=1, stride=stride, bias=False),
        nn.BatchNorm2d(planes),
    )


class BasicBlock(nn.Module):
    bias = False

    def __init__(self, in_planes: int, planes: int, stride: int, *, shortcut: str = "A") -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(in_planes, planes, 3, stride=stride, padding=1, bias=self.bias)
        self.bn1 = nn.BatchNorm2d(planes)
        self.conv2 = nn.Conv2d(planes, planes, 3, padding=1, bias=self.bias)
        self.bn2 = nn.BatchNorm2d(planes)
        self.downsample: nn.Module | None = None
        if stride != 1 or in_planes != planes:
            self.downsample = (
                Pad(planes - in_planes, stride)
                if shortcut == "A"
                else project(in_planes, planes, stride)
            )

    def forward(self, x: Tensor) -> Tensor:
        identity = x
        out = self.branch(x)
        if self.downsample is not None:
            identity = self.downsample(x)
        out += identity
        return F.relu(out)

    def branch(self, x: Tensor) -> Tensor:
        out = F.relu(self.bn1(self.conv1(x)))
        return self.bn2(self.conv2(out))


class ResNet(nn.Module):
    def __init__(
        self,
        *,
        layers: Sequence[int] = (3, 3, 3),
        planes: Sequence[int] = (16, 32, 64),
        strides: Sequence[int] = (1, 2, 2),
        channels: int = 1,
        classes: int = 10,
        shortcut: str = "A",
        block: type[BasicBlock] = BasicBlock,
        odd: Mapping[tuple[int, int], type[BasicBlock]] | None = None,
    ) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels, planes[0], 3, padding=1, bias=block.bias)
        self.bn1 = nn.BatchNorm2d(planes[0])
        self.in_planes = planes[0]
        for stage, (count, width, stride) in enumerate(zip(layers, planes, strides), start=1):
            blocks = []
            for at in range(count):
                made = (odd or {}).get((stage, at), block)
                step = stride if at == 0 else 1
                blocks.append(made(self.in_planes, width, step, shortcut=shortcut))
                self.in_planes = width
            self.add_module(f"layer{stage}", nn.Sequential(*blocks))
        self.stages = len(layers)
        self.fc = nn.Linear(self.in_planes, classes)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")

    def forward(self, x: Tensor) -> Tensor:
        return self.fc(self.features(x))

    def features(self, x: Tensor) -> Tensor:
        out = F.relu(self.bn1(self.conv1(x)))
        for stage in range(1, self.stages + 1):
            out = getattr(self, f"layer{stage}")(out)
        out = F.adaptive_avg_pool2d(out, 1)
        return out.view(out.size(0), -1)
