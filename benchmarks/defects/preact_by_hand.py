"""A pre-activation network as people write it: He et al. 2016, appendix, 20 layers."""

from collections.abc import Sequence

import torch.nn.functional as F
from torch import Tensor, nn

__all__ = ["PreActBlock", "PreActResNet", "ReluFirstBlock"]


class PreActBlock(nn.Module):
    def __init__(self, in_planes: int, planes: int, stride: int) -> None:
        super().__init__()
        self.bn1 = nn.BatchNorm2d(in_planes)
        self.conv1 = nn.Conv2d(in_planes, planes, 3, stride=stride, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(planes)
        self.conv2 = nn.Conv2d(planes, planes, 3, padding=1, bias=False)
        self.shortcut: nn.Module | None = None
        if stride != 1 or in_planes != planes:
            self.shortcut = nn.Conv2d(in_planes, planes, 1, stride=stride, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        out = F.relu(self.bn1(x))
        shortcut = x if self.shortcut is None else self.shortcut(out)
        out = self.conv1(out)
        out = self.conv2(F.relu(self.bn2(out)))
        return out + shortcut


class ReluFirstBlock(nn.Module):
    """ReLU, convolution, norm, twice: He et al. 2016, figure 4(d)."""

    inplace = False

    def __init__(self, in_planes: int, planes: int, stride: int) -> None:
        super().__init__()
        self.relu1 = nn.ReLU(inplace=self.inplace)
        self.conv1 = nn.Conv2d(in_planes, planes, 3, stride=stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(planes)
        self.relu2 = nn.ReLU(inplace=True)
        self.conv2 = nn.Conv2d(planes, planes, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(planes)
        self.shortcut: nn.Module | None = None
        if stride != 1 or in_planes != planes:
            self.shortcut = nn.Sequential(
                nn.Conv2d(in_planes, planes, 1, stride=stride, bias=False), nn.BatchNorm2d(planes)
            )

    def forward(self, x: Tensor) -> Tensor:
        out = self.bn1(self.conv1(self.relu1(x)))
        out = self.bn2(self.conv2(self.relu2(out)))
        shortcut = x if self.shortcut is None else self.shortcut(x)
        return out + shortcut


class PreActResNet(nn.Module):
    def __init__(
        self,
        *,
        block: type[nn.Module] = PreActBlock,
        layers: Sequence[int] = (3, 3, 3),
        channels: int = 1,
        classes: int = 10,
    ) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels, 16, 3, padding=1, bias=False)
        planes = 16
        blocks: list[nn.Module] = []
        for stage, count in enumerate(layers):
            for at in range(count):
                stride = 2 if stage and not at else 1
                blocks.append(block(planes, 16 * 2**stage, stride))
                planes = 16 * 2**stage
        self.blocks = nn.Sequential(*blocks)
        self.bn = nn.BatchNorm2d(planes)
        self.fc = nn.Linear(planes, classes)

    def forward(self, x: Tensor) -> Tensor:
        out = self.blocks(self.conv1(x))
        out = self.end(out)
        return self.fc(F.adaptive_avg_pool2d(out, 1).flatten(1))

    def end(self, out: Tensor) -> Tensor:
        return F.relu(self.bn(out))
