"""ResNet-20 and ResNet-18 as people write them by hand: the peer of our equation's overhead."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class BasicBlock(nn.Module):
    def __init__(self, in_planes: int, planes: int, stride: int, *, project: bool) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(in_planes, planes, 3, stride=stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(planes)
        self.conv2 = nn.Conv2d(planes, planes, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(planes)
        self.stride, self.extra = stride, planes - in_planes
        self.down = None
        if project and (stride != 1 or self.extra):
            self.down = nn.Sequential(
                nn.Conv2d(in_planes, planes, 1, stride=stride, bias=False), nn.BatchNorm2d(planes)
            )

    def forward(self, x: Tensor) -> Tensor:
        y = F.relu(self.bn1(self.conv1(x)))
        y = self.bn2(self.conv2(y))
        if self.down is not None:
            x = self.down(x)
        elif self.extra:
            x = x[:, :, :: self.stride, :: self.stride]
            x = F.pad(x, (0, 0, 0, 0, self.extra // 2, self.extra // 2))
        return F.relu(x + y)


class HandWritten(nn.Module):
    def __init__(self, depths: list[int], widths: list[int], *, large: bool, classes: int) -> None:
        super().__init__()
        size, stride = (7, 2) if large else (3, 1)
        self.conv1 = nn.Conv2d(3, widths[0], size, stride=stride, padding=size // 2, bias=False)
        self.bn1 = nn.BatchNorm2d(widths[0])
        self.large = large
        blocks, planes = [], widths[0]
        for stage, (depth, width) in enumerate(zip(depths, widths, strict=True)):
            for position in range(depth):
                stride = 2 if stage and not position else 1
                blocks.append(BasicBlock(planes, width, stride, project=large))
                planes = width
        self.blocks = nn.Sequential(*blocks)
        self.fc = nn.Linear(planes, classes)

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu(self.bn1(self.conv1(x)))
        if self.large:
            x = F.max_pool2d(x, 3, stride=2, padding=1)
        x = self.blocks(x)
        return self.fc(torch.flatten(F.adaptive_avg_pool2d(x, 1), 1))


def resnet20() -> HandWritten:
    return HandWritten([3, 3, 3], [16, 32, 64], large=False, classes=10)


def resnet18() -> HandWritten:
    return HandWritten([2, 2, 2, 2], [64, 128, 256, 512], large=True, classes=1000)
