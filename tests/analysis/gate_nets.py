"""Gates by hand, whose weights can be worked out on paper."""

import torch
from torch import Tensor, nn

from plusx import Residual


class ByMean(nn.Module):
    """y = x * (scale * mean(x)): a weight a channel, the scaled mean of the channel."""

    def __init__(self, *scales: float) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.tensor(scales)[:, None, None])

    def forward(self, x: Tensor) -> Tensor:
        return x * (x.mean((2, 3), keepdim=True) * self.scale)


class Fixed(nn.Module):
    """y = x * (0 mean(x) + weights): a gate in form that never answers."""

    def __init__(self, *weights: float) -> None:
        super().__init__()
        self.weights = nn.Parameter(torch.tensor(weights)[:, None, None])

    def forward(self, x: Tensor) -> Tensor:
        return x * (0 * x.mean((2, 3), keepdim=True) + self.weights)


class Place(nn.Module):
    """y = x.mul_(scale * mean over channels), a weight a place, in place."""

    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.tensor(2.0))

    def forward(self, x: Tensor) -> Tensor:
        return x.mul_(x.mean(1, keepdim=True) * self.scale)


class Branches(nn.Module):
    """logits = mean(a_1 x_1 + a_2 x_2), x_s = W_s x and a = softmax over s of V mean(x_1 + x_2).

    Both branches lie in one tensor (B, 2, C, H, W), as in Li et al. 2019, "Selective kernel
    networks".
    """

    def __init__(self) -> None:
        super().__init__()
        self.convs = nn.ModuleList(nn.Conv2d(3, 4, 1) for _ in range(2))
        self.score = nn.Linear(4, 8)

    def forward(self, x: Tensor) -> Tensor:
        both = torch.stack([conv(x) for conv in self.convs], 1)
        weights = self.score(both.sum(1).mean((2, 3))).view(-1, 2, 4).softmax(1)
        return (both * weights[..., None, None]).sum(1).mean((2, 3))


class Means(nn.Module):
    """logits = the mean of each channel."""

    def forward(self, x: Tensor) -> Tensor:
        return x.mean((2, 3))


class No(nn.Module):
    """x * sigmoid(x), x * F(other), x * constant: products that are no gates."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b = nn.Conv2d(2, 2, 1), nn.Conv2d(2, 2, 1)
        self.gamma = nn.Parameter(torch.ones(2, 1, 1))

    def forward(self, x: Tensor) -> Tensor:
        swish = x * torch.sigmoid(x)
        return self.gamma * swish + self.a(x) * torch.sigmoid(self.b(x))


def flat(*means: tuple[float, ...]) -> Tensor:
    """Images (N, C, 2, 2) of one colour each."""
    return torch.tensor(means)[:, :, None, None].expand(-1, -1, 2, 2).contiguous()


def in_unit(gate: nn.Module, width: int = 2) -> nn.Module:
    conv = nn.Conv2d(width, width, 1)
    return nn.Sequential(Residual(nn.Sequential(conv, gate)), Means())
