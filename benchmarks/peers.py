"""The peers' networks: torchvision's, timm's, and wide 28-10 by hand."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

# The published wheel of torchvision has no operators for a CPU build of torch; it imports once
# their schemas are known.
_LIBRARY = torch.library.Library("torchvision", "DEF")
for _name in ("nms", "qnms"):
    _LIBRARY.define(f"{_name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")

import timm.data  # noqa: E402
import timm.loss  # noqa: E402
import timm.optim  # noqa: E402
import timm.scheduler  # noqa: E402
import torchvision  # noqa: E402


class WideBlock(nn.Module):
    def __init__(self, in_planes: int, planes: int, stride: int) -> None:
        super().__init__()
        self.bn1 = nn.BatchNorm2d(in_planes)
        self.conv1 = nn.Conv2d(in_planes, planes, 3, stride=stride, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(planes)
        self.conv2 = nn.Conv2d(planes, planes, 3, padding=1, bias=False)
        self.down = None
        if in_planes != planes:
            self.down = nn.Conv2d(in_planes, planes, 1, stride=stride, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        y = F.relu(self.bn1(x), inplace=True)
        shortcut = x if self.down is None else self.down(y)
        y = self.conv2(F.relu(self.bn2(self.conv1(y)), inplace=True))
        y += shortcut
        return y


class Wide(nn.Module):
    def __init__(self, classes: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 16, 3, padding=1, bias=False)
        blocks, planes = [], 16
        for width, first in ((160, 1), (320, 2), (640, 2)):
            for position in range(4):
                blocks.append(WideBlock(planes, width, 1 if position else first))
                planes = width
        self.blocks = nn.Sequential(*blocks)
        self.bn = nn.BatchNorm2d(planes)
        self.fc = nn.Linear(planes, classes)

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu(self.bn(self.blocks(self.conv(x))), inplace=True)
        return self.fc(F.adaptive_avg_pool2d(x, 1).flatten(1))


def make(name: str, classes: int) -> nn.Module:
    if name == "wrn28_10":
        return Wide(classes)
    if name == "seresnet50":
        return timm.create_model(name, num_classes=classes)
    return torchvision.models.get_model(name, num_classes=classes)
