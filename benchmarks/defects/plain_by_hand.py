"""Networks without shortcuts as people write them: convolutions without norms, and an MLP."""

from collections.abc import Callable
from itertools import pairwise

import torch
from torch import Tensor, nn

__all__ = ["PlainCNN", "mlp"]


class PlainCNN(nn.Module):
    """Six 3x3 convolutions and ReLUs without a norm, two max-pools, linear; He initialisation."""

    def __init__(self, channels: int = 1, classes: int = 10) -> None:
        super().__init__()
        widths = (channels, 32, 32, 64, 64, 128, 128)
        layers: list[nn.Module] = []
        for at, (before, after) in enumerate(pairwise(widths)):
            layers += [nn.Conv2d(before, after, 3, padding=1), nn.ReLU(inplace=True)]
            if at in (1, 3):
                layers.append(nn.MaxPool2d(2))
        self.features = nn.Sequential(*layers)
        self.fc = nn.Linear(widths[-1], classes)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
                nn.init.zeros_(module.bias)

    def forward(self, x: Tensor) -> Tensor:
        return self.fc(torch.mean(self.features(x), dim=(2, 3)))


def mlp(activation: Callable[[], nn.Module], *, depth: int, side: int = 32) -> nn.Sequential:
    """Flatten, `depth` layers of 128 with an activation each, linear."""
    layers: list[nn.Module] = [nn.Flatten()]
    width = side * side
    for _ in range(depth):
        layers += [nn.Linear(width, 128), activation()]
        width = 128
    return nn.Sequential(*layers, nn.Linear(width, 10))
