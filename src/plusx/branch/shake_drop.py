"""ShakeDrop: the transform is scaled at random where stochastic depth would leave it out."""

from typing import Literal, final

import torch
from torch import Tensor, nn

__all__ = ["ShakeDrop"]


@final
class ShakeDrop(nn.Module):
    """t = (b + alpha - b alpha) transform(x), b = 1 with probability 1 - rate, else 0.

    Yamada et al. 2018, "ShakeDrop regularization", equation 6: alpha is uniform in [-1, 1], and in
    the gradient beta, uniform in [0, 1], stands in its place. Evaluation takes the mean of
    training: (1 - rate) transform(x). `mode="sample"` draws b, alpha and beta for each sample,
    `mode="batch"` one of each for all. Raises `ValueError` for a rate outside [0, 1).
    """

    def __init__(
        self, transform: nn.Module, rate: float, *, mode: Literal["sample", "batch"] = "sample"
    ) -> None:
        super().__init__()
        if not 0 <= rate < 1:
            raise ValueError(f"the rate of ShakeDrop is {rate}; expected 0 or more, below 1")
        self.transform = transform
        self.rate = rate
        self.mode = mode

    def forward(self, x: Tensor, *context: object) -> Tensor:
        t: Tensor = self.transform(x, *context)
        if self.rate == 0:
            return t
        if not self.training:
            return (1 - self.rate) * t
        shape = (t.shape[0] if self.mode == "sample" else 1, *(1,) * (t.dim() - 1))
        draw, alpha, beta = torch.rand((3, *shape), device=t.device)
        kept = draw >= self.rate
        forward = torch.where(kept, 1, 2 * alpha - 1)
        backward = torch.where(kept, 1, beta)
        # the value is that of `forward`, the gradient that of `backward`: a detached part has none
        return backward.to(t.dtype) * t + ((forward - backward).to(t.dtype) * t).detach()

    def extra_repr(self) -> str:
        return f"rate={self.rate}, mode={self.mode}"
