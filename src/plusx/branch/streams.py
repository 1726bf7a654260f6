"""Streams: parts side by side, each with its own tensor, and what makes one tensor of theirs.

Simonyan and Zisserman 2014, "Two-stream convolutional networks for action recognition in videos",
arXiv 1406.2199, add the answers of two networks; Feichtenhofer et al. 2016, "Convolutional
two-stream network fusion for video action recognition", arXiv 1604.06573, join them earlier.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import final

import torch
from torch import Tensor, nn

from plusx.errors import InputError
from plusx.parts import PLANE, Space, conv, he_init, sequence

__all__ = ["Added", "Beside", "Fusion", "Joined", "Weighed", "joined", "weighed"]


@final
class Beside(nn.Module):
    """y_s = part_s(x_s) for each stream s, in the order of `parts`; one x is given to all."""

    def __init__(self, parts: Mapping[str, nn.Module]) -> None:
        super().__init__()
        for name, part in parts.items():
            if not name.isidentifier() or name in dir(self):
                raise InputError(
                    f"a stream cannot be called {name!r}; expected a word that can be an address, "
                    "such as 'rgb'"
                )
            self.add_module(name, part)

    def forward(self, x: Tensor | tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        parts = list(self.children())
        given = x if isinstance(x, tuple) else (x,) * len(parts)
        return tuple(part(one) for part, one in zip(parts, given, strict=True))


class Fusion(nn.Module, ABC):
    """y = fusion(x_1, ..., x_n), one tensor for those of n streams, which have one shape."""

    @abstractmethod
    def forward(self, features: tuple[Tensor, ...]) -> Tensor:
        """Join the streams."""


@final
class Added(Fusion):
    """y = x_1 + ... + x_n. Of logits it is the late fusion of Simonyan and Zisserman 2014."""

    def forward(self, features: tuple[Tensor, ...]) -> Tensor:
        y = features[0]
        for x in features[1:]:
            y = y + x
        return y


@final
class Joined(Fusion):
    """y = mix([x_1, ..., x_n]), joined along the channels. Feichtenhofer et al. 2016, 3.1."""

    def __init__(self, mix: nn.Module) -> None:
        super().__init__()
        self.mix = mix

    def forward(self, features: tuple[Tensor, ...]) -> Tensor:
        y: Tensor = self.mix(torch.cat(features, 1))
        return y


@final
class Weighed(Fusion):
    """y = a_1 x_1 + ... + a_n x_n, a = softmax over the streams of W mean([x_1, ..., x_n]).

    A weight a stream and channel, from the image itself, as the branches of Li et al. 2019,
    "Selective kernel networks", arXiv 1903.06586, section 3.1, have. W begins at zero: the mean.
    """

    def __init__(self, weigh: nn.Module) -> None:
        super().__init__()
        self.weigh = weigh

    def forward(self, features: tuple[Tensor, ...]) -> Tensor:
        x = torch.stack(features, 1)  # (B, n, C, ...)
        scores: Tensor = self.weigh(x.flatten(1, 2))
        apart = scores.reshape(len(scores), len(features), -1, *scores.shape[2:]).softmax(1)
        return (apart * x).sum(1)


def joined(width: int, num: int) -> Joined:
    """Join `num` streams of `width` channels: 1x1, BN, ReLU back to `width`; He initialisation."""
    mix = sequence(conv=conv(num * width, width, 1), norm=nn.BatchNorm2d(width), act=nn.ReLU())
    he_init(mix)
    return Joined(mix)


def weighed(width: int, num: int, *, space: Space = PLANE) -> Weighed:
    """Weigh `num` streams of `width` channels against one another."""
    score = space.conv(num * width, num * width, 1)
    for parameter in score.parameters():
        nn.init.zeros_(parameter)
    return Weighed(sequence(mean=space.mean(), score=score))
