"""Squeeze-and-excitation: channels are weighed by what they say together."""

from collections.abc import Callable
from typing import final

from torch import Tensor, nn

from plusx.parts import PLANE, Space, sequence

__all__ = ["SE"]


@final
class SE(nn.Module):
    """y = x * sigmoid(W2 relu(W1 mean(x))), a weight a channel.

    Hu et al. 2017, "Squeeze-and-excitation networks", equations 2 to 4; the width inside is C / 16,
    or `inner`. W1 and W2 are 1x1 convolutions with bias. `activation` makes what stands for the
    ReLU. (B, C, H, W) -> (B, C, H, W), or what `space` says: of a vector the mean is itself.
    """

    def __init__(
        self,
        width: int,
        *,
        reduction: int = 16,
        inner: int | None = None,
        activation: Callable[[], nn.Module] = nn.ReLU,
        space: Space = PLANE,
    ) -> None:
        super().__init__()
        inner = max(1, width // reduction) if inner is None else inner
        self.weigh = sequence(
            pool=space.mean(),
            reduce=space.conv(width, inner, 1),
            act=activation(),
            expand=space.conv(inner, width, 1),
            gate=nn.Sigmoid(),
        )

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = x * self.weigh(x)
        return y
