"""Bottleneck attention: a residual unit of its own, which says what to double."""

from typing import final

from torch import Tensor, nn

from plusx.parts import PLANE, Space, sequence
from plusx.residual import Residual

__all__ = ["BAM", "bam_unit"]


@final
class BAM(nn.Module):
    """t = x * sigmoid(channel(x) + place(x)): the transform of the unit that `bam_unit` makes.

    Park et al. 2018, "BAM: bottleneck attention module", equations 2 to 4. channel: mean, 1x1 C/16,
    ReLU, 1x1 C, BN, a value a channel; place: 1x1 C/16, ReLU, two of 3x3 with dilation 4 and ReLU,
    1x1 to 1, BN, a value a place. The equations leave the ReLUs out. (The authors' code has its
    norms before each ReLU and multiplies the two.) (B, C, H, W) -> (B, C, H, W), or what `space`
    says. `ValueError` where its places have no neighbours.
    """

    def __init__(
        self, width: int, *, reduction: int = 16, dilation: int = 4, space: Space = PLANE
    ) -> None:
        super().__init__()
        if not space.neighbours:
            raise ValueError(f"BAM looks at neighbouring places, and in {space.shape} are none")
        inner = max(1, width // reduction)
        self.channel = sequence(
            pool=space.mean(),
            reduce=space.conv(width, inner, 1),
            act=nn.ReLU(),
            expand=space.conv(inner, width, 1),
            norm=space.norm(width),
        )
        self.place = sequence(
            reduce=space.conv(width, inner, 1),
            act1=nn.ReLU(),
            conv1=space.conv(inner, inner, 3, padding=dilation, dilation=dilation),
            act2=nn.ReLU(),
            conv2=space.conv(inner, inner, 3, padding=dilation, dilation=dilation),
            act3=nn.ReLU(),
            expand=space.conv(inner, 1, 1),
            norm=space.norm(1),
        )
        self.gate = nn.Sigmoid()

    def forward(self, x: Tensor) -> Tensor:
        t: Tensor = x * self.gate(self.channel(x) + self.place(x))
        return t


def bam_unit(width: int, *, space: Space = PLANE) -> Residual:
    """y = x + x * sigmoid(channel(x) + place(x)).

    Park et al. 2018, equation 1: it stands between the stages of a network, or as a gate behind
    each transform. (B, C, H, W) -> (B, C, H, W).
    """
    return Residual(BAM(width, space=space))
