"""A network of somebody's that trains, somehow: the example of docs/doctor.md."""

import torch.nn.functional as F
from torch import Tensor, nn

__all__ = ["net"]


class Block(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(width, width, 3, padding=1, bias=False)
        self.norm1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, padding=1, bias=False)
        self.norm2 = nn.BatchNorm2d(width)

    def forward(self, x: Tensor) -> Tensor:
        y = F.relu(self.norm1(self.conv1(x)))
        return F.relu(self.norm2(self.conv2(y)) + x)


class Net(nn.Module):
    def __init__(self, classes: int, channels: int, width: int = 16, depth: int = 4) -> None:
        super().__init__()
        self.stem = nn.Conv2d(channels, width, 3, padding=1)
        self.blocks = [Block(width) for _ in range(depth)]
        self.head = nn.Linear(width, classes)

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x)
        for block in self.blocks:
            x = block(x)
        return F.softmax(self.head(x.mean((2, 3))), dim=1)


def net(classes: int = 10, channels: int = 1) -> nn.Module:
    """Make the network."""
    return Net(classes, channels)
