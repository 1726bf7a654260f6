"""Efficient channel attention: a channel is weighed by what its neighbours say."""

import math
from typing import final

from torch import Tensor, nn

from plusx.parts import PLANE, Space

__all__ = ["ECA", "eca_kernel"]


def eca_kernel(width: int) -> int:
    """k = |log2(C) / 2 + 1 / 2|, to the nearest odd number, the greater one where two are near.

    Wang et al. 2019, "ECA-Net", equation 12 with gamma 2 and b 1; the tie as in the authors' code.

    >>> [eca_kernel(width) for width in (4, 64, 256, 2048)]
    [1, 3, 5, 7]
    """
    below = int((math.log2(width) + 1) / 2)
    return below if below % 2 else below + 1


@final
class ECA(nn.Module):
    """y = x * sigmoid(conv_k(mean(x))), a weight a channel, from its k nearest channels.

    Wang et al. 2019, "ECA-Net", equations 9 and 12. (B, C, H, W) -> (B, C, H, W), or what `space`
    says: of a vector the mean is itself.
    """

    def __init__(self, width: int, *, space: Space = PLANE) -> None:
        super().__init__()
        self.pool = space.mean()
        kernel_size = eca_kernel(width)
        self.conv = nn.Conv1d(1, 1, kernel_size, padding=kernel_size // 2, bias=False)
        self.gate = nn.Sigmoid()

    def forward(self, x: Tensor) -> Tensor:
        means = self.pool(x)  # (B, C, 1, 1)
        weights = self.gate(self.conv(means.flatten(1).unsqueeze(1)))  # (B, 1, C)
        y: Tensor = x * weights.view(means.shape)
        return y
