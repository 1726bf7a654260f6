"""Shortcuts: the identity where the shape stays, and what stands for it where it changes."""

from typing import Protocol, final

import torch.nn.functional as F
from torch import Tensor, nn

from plusx.parts.basics import conv, sequence

__all__ = ["Pad", "Shortcut", "avg_project", "identity", "pad", "project", "project_all"]


class Shortcut(Protocol):
    """(B, in_channels, H, W) -> (B, out_channels, H / stride, W / stride), few or no weights."""

    def __call__(self, in_channels: int, out_channels: int, *, stride: int) -> nn.Module: ...


@final
class Pad(nn.Module):
    """y = x at every stride-th pixel, between zero channels: no parameters.

    He et al. 2015, section 3.3, option A. The paper does not say on which side the zeros go; they
    go on both, as in the published CIFAR weights, the odd one last.
    """

    def __init__(self, in_channels: int, out_channels: int, *, stride: int) -> None:
        super().__init__()
        if out_channels < in_channels:
            raise ValueError(
                f"a padded shortcut cannot shrink {in_channels} channels to {out_channels}; "
                "use project"
            )
        before = (out_channels - in_channels) // 2
        self.padding = (before, out_channels - in_channels - before)
        self.stride = stride

    def forward(self, x: Tensor) -> Tensor:
        sampled = x[:, :, :: self.stride, :: self.stride]
        return F.pad(sampled, (0, 0, 0, 0, *self.padding))

    def extra_repr(self) -> str:
        return f"channels={self.padding}, stride={self.stride}"


def identity(in_channels: int, out_channels: int, *, stride: int) -> nn.Module:
    """y = x; raises `ValueError` where width or stride change."""
    if in_channels != out_channels or stride != 1:
        raise ValueError(
            f"the identity cannot take {in_channels} channels to {out_channels} at stride {stride};"
            " use pad or project"
        )
    return nn.Identity()


def pad(in_channels: int, out_channels: int, *, stride: int) -> nn.Module:
    """Option A: the identity, with subsampling and zero channels where the shape changes."""
    if in_channels == out_channels and stride == 1:
        return nn.Identity()
    return Pad(in_channels, out_channels, stride=stride)


def project(in_channels: int, out_channels: int, *, stride: int) -> nn.Module:
    """Option B: the identity; 1x1, BN where the shape changes. He et al. 2015, section 3.3."""
    if in_channels == out_channels and stride == 1:
        return nn.Identity()
    return project_all(in_channels, out_channels, stride=stride)


def project_all(in_channels: int, out_channels: int, *, stride: int) -> nn.Module:
    """Option C: 1x1, BN in every unit. He et al. 2015, section 4.1."""
    return sequence(
        conv=conv(in_channels, out_channels, 1, stride=stride), norm=nn.BatchNorm2d(out_channels)
    )


def avg_project(in_channels: int, out_channels: int, *, stride: int) -> nn.Module:
    """Option D: average-pool / stride, 1x1, BN where the shape changes.

    He et al. 2018, "Bag of tricks", ResNet-D: a strided 1x1 throws three quarters of x away.
    """
    if stride == 1:
        return project(in_channels, out_channels, stride=1)
    return sequence(
        pool=nn.AvgPool2d(stride, ceil_mode=True, count_include_pad=False),
        conv=conv(in_channels, out_channels, 1),
        norm=nn.BatchNorm2d(out_channels),
    )
