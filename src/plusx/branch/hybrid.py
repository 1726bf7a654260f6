"""Hybrid attention: which channels, which places, and how strongly, beside what is there."""

from typing import final

from torch import Tensor, nn

from plusx.branch.hybrid_parts import (
    ChannelWeights,
    Factor,
    Fusion,
    PlaceWeights,
    Strength,
    StrengthOfInput,
    Weights,
    channel_first,
)
from plusx.parts import PLANE, Space

__all__ = ["HybridAttention"]


@final
class HybridAttention(nn.Module):
    """y = x (1 + s_c(x) c(x)) (1 + s_p(x') p(x')), with x' what the channel weights c leave of x.

    c is a weight a channel, p a weight a place (Woo et al. 2018, "CBAM"), s_c and s_p between -1
    and 1 say for each input how strongly they apply. Written out it is x + x a(x): attention beside
    a skip, and since the strengths are zero at first, it starts as the identity, to the bit.

    Each part is another small module or, for `channel` and `place`, None: without both y is x.
    `strength=FixedStrength` is one learned number in the place of s(x), `fusion` says which part
    sees what (`channel_first`, `place_first`, `parallel`), `skip=0` leaves x a(x) alone, an
    ordinary gate. (B, C, H, W) -> (B, C, H, W), or what `space` says. `ValueError` where there are
    no places to weigh.

    >>> import torch
    >>> attention, x = HybridAttention(16), torch.randn(2, 16, 8, 8)
    >>> torch.equal(attention(x), x)
    True
    """

    def __init__(
        self,
        channels: int,
        *,
        channel: Weights | None = ChannelWeights,
        place: Weights | None = PlaceWeights,
        strength: Strength = StrengthOfInput,
        fusion: Fusion = channel_first,
        skip: float = 1.0,
        space: Space = PLANE,
    ) -> None:
        super().__init__()
        if not 0 <= skip <= 1:
            raise ValueError(f"skip is {skip}, the share of x that goes past; expected 0 to 1")
        made = {"channel": channel, "place": place}
        self.places = space.places
        self.parts = fusion(
            {
                name: Factor(weights(channels, space=space), strength(channels), skip=skip)
                for name, weights in made.items()
                if weights is not None
            }
        )

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.parts(x, x.mean(self.places, keepdim=True))
        return y
