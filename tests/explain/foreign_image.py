"""A network as users write them: sums and ReLUs in place, one ReLU used everywhere."""

import torch
from torch import Tensor, nn


class Block(nn.Module):
    """relu(f(x) + p(x))."""

    def __init__(self, width: int, out: int, stride: int, relu: nn.Module, inplace: bool) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(width, out, 3, stride, 1, bias=False)
        self.conv2 = nn.Conv2d(out, out, 3, 1, 1)
        self.relu, self.inplace = relu, inplace
        self.down = nn.Conv2d(width, out, 1, stride, bias=False) if stride > 1 else None

    def forward(self, x: Tensor) -> Tensor:
        y = self.conv2(self.relu(self.conv1(x)))
        s = x if self.down is None else self.down(x)
        if self.inplace:
            y += s
        else:
            y = y + s
        return self.relu(y)


class Foreign(nn.Module):
    """Stem, four blocks of 6 and 8 channels, linear head."""

    def __init__(self, *, inplace: bool = True, classes: int = 4) -> None:
        super().__init__()
        self.relu = nn.ReLU(inplace=inplace)
        self.stem = nn.Conv2d(3, 6, 3, padding=1)
        plan = [(6, 6, 1), (6, 8, 2), (8, 8, 1), (8, 8, 1)]
        self.blocks = nn.Sequential(*(Block(*sizes, self.relu, inplace) for sizes in plan))
        self.head = nn.Linear(8, classes)

    def forward(self, x: Tensor) -> Tensor:
        y = self.blocks(self.relu(self.stem(x)))
        return self.head(torch.mean(y, (2, 3)))
