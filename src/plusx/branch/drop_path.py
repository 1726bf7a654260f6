"""Stochastic depth: the transform is left out at random in training."""

from typing import Literal, final

import torch
from torch import Tensor, nn

__all__ = ["DropPath"]


@final
class DropPath(nn.Module):
    """t = b transform(x) / (1 - rate) in training, b = 1 with probability 1 - rate, else 0.

    Huang et al. 2016, "Deep networks with stochastic depth", equation 2. The paper draws one b for
    the whole batch (`mode="batch"`) and scales in evaluation by 1 - rate; here the scale stands in
    training, so that evaluation is the plain transform: the mean is the same. `mode="sample"`
    draws b for each sample. Raises `ValueError` for a rate outside [0, 1).
    """

    def __init__(
        self, transform: nn.Module, rate: float, *, mode: Literal["sample", "batch"] = "sample"
    ) -> None:
        super().__init__()
        if not 0 <= rate < 1:
            raise ValueError(f"the rate of stochastic depth is {rate}; expected 0 or more, below 1")
        self.transform = transform
        self.rate = rate
        self.mode = mode

    def forward(self, x: Tensor, *context: object) -> Tensor:
        t: Tensor = self.transform(x, *context)
        if not self.training or self.rate == 0:
            return t
        count = t.shape[0] if self.mode == "sample" else 1
        kept = torch.rand((count, *(1,) * (t.dim() - 1)), device=t.device) >= self.rate
        return t * kept.to(t.dtype) / (1 - self.rate)

    def extra_repr(self) -> str:
        return f"rate={self.rate}, mode={self.mode}"
