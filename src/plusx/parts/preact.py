"""Parts of the pre-activation unit: convolutions alone, whose norms stand before them."""

from torch import nn

from plusx.parts.basics import conv, sequence

__all__ = [
    "bare_large_stem",
    "bare_project",
    "bare_small_stem",
    "norm_act_head",
    "preact_basic",
    "preact_bottleneck",
    "preact_bottleneck_2016",
]


def preact_basic(in_channels: int, out_channels: int, *, stride: int) -> nn.Sequential:
    """3x3 / stride, BN, ReLU, 3x3: what follows the BN and ReLU that open the unit.

    He et al. 2016, "Identity mappings in deep residual networks", figure 4(e).
    """
    return sequence(
        conv1=conv(in_channels, out_channels, 3, stride=stride),
        norm2=nn.BatchNorm2d(out_channels),
        act2=nn.ReLU(),
        conv2=conv(out_channels, out_channels, 3),
    )


def preact_bottleneck(in_channels: int, out_channels: int, *, stride: int) -> nn.Sequential:
    """1x1, BN, ReLU, 3x3 / stride, BN, ReLU, 1x1, with a quarter of the width inside.

    He et al. 2016, appendix, with the stride in the 3x3, as in the ImageNet networks of the
    authors' later Torch code.
    """
    return _bottleneck(in_channels, out_channels, (1, stride))


def preact_bottleneck_2016(in_channels: int, out_channels: int, *, stride: int) -> nn.Sequential:
    """1x1 / stride, BN, ReLU, 3x3, BN, ReLU, 1x1: the stride as in the paper's CIFAR networks.

    He et al. 2016, the authors' code (resnet-1k-layers).
    """
    return _bottleneck(in_channels, out_channels, (stride, 1))


def _bottleneck(in_channels: int, out_channels: int, strides: tuple[int, int]) -> nn.Sequential:
    inner = out_channels // 4
    return sequence(
        conv1=conv(in_channels, inner, 1, stride=strides[0]),
        norm2=nn.BatchNorm2d(inner),
        act2=nn.ReLU(),
        conv2=conv(inner, inner, 3, stride=strides[1]),
        norm3=nn.BatchNorm2d(inner),
        act3=nn.ReLU(),
        conv3=conv(inner, out_channels, 1),
    )


def bare_project(in_channels: int, out_channels: int, *, stride: int) -> nn.Module:
    """1x1 where the shape changes, without a norm: the one before it serves. He et al. 2016."""
    if in_channels == out_channels and stride == 1:
        return nn.Identity()
    return conv(in_channels, out_channels, 1, stride=stride)


def bare_small_stem(in_channels: int, width: int) -> nn.Sequential:
    """3x3 alone: stride 1, for images up to about 64 pixels. He et al. 2016, appendix."""
    return sequence(conv=conv(in_channels, width, 3))


def bare_large_stem(in_channels: int, width: int) -> nn.Sequential:
    """7x7 / 2, 3x3 max-pool / 2: stride 4, for photographs. The first unit's BN follows."""
    return sequence(
        conv=conv(in_channels, width, 7, stride=2),
        pool=nn.MaxPool2d(3, stride=2, padding=1),
    )


def norm_act_head(width: int, num_classes: int) -> nn.Sequential:
    """BN, ReLU, global average-pool, flatten, linear: (B, width, H, W) -> (B, num_classes).

    The last sum of a pre-activation network has no activation of its own. He et al. 2016, appendix.
    """
    return sequence(
        norm=nn.BatchNorm2d(width),
        act=nn.ReLU(),
        pool=nn.AdaptiveAvgPool2d(1),
        flatten=nn.Flatten(),
        linear=nn.Linear(width, num_classes),
    )
