"""What units are made of: convolutions, stems, shortcuts, transforms, heads.

Every function returns a plain module whose children carry the names of the paper's figures, so
that `stages.2.1.unit.transform.conv1` can be read aloud. `norm` maps a width to a module,
`activation` makes a new module a call: one module per site.
"""

from collections.abc import Callable
from typing import Protocol, final

import torch.nn.functional as F
from torch import Tensor, nn

__all__ = [
    "Activation",
    "Norm",
    "Pad",
    "Shortcut",
    "Stem",
    "Transform",
    "avg_project",
    "basic",
    "bottleneck",
    "bottleneck_2015",
    "conv",
    "deep_stem",
    "he_init",
    "identity",
    "large_stem",
    "linear_head",
    "pad",
    "project",
    "project_all",
    "sequence",
    "small_stem",
]

Norm = Callable[[int], nn.Module]
Activation = Callable[[], nn.Module]


class Stem(Protocol):
    """(B, in_channels, H, W) -> (B, width, H / stride, W / stride)."""

    def __call__(
        self, in_channels: int, width: int, *, norm: Norm, activation: Activation
    ) -> nn.Module: ...


class Shortcut(Protocol):
    """(B, in_channels, H, W) -> (B, out_channels, H / stride, W / stride), few or no weights."""

    def __call__(
        self, in_channels: int, out_channels: int, *, stride: int, norm: Norm
    ) -> nn.Module: ...


class Transform(Protocol):
    """(B, in_channels, H, W) -> (B, out_channels, H / stride, W / stride)."""

    def __call__(
        self,
        in_channels: int,
        out_channels: int,
        *,
        stride: int,
        norm: Norm,
        activation: Activation,
    ) -> nn.Module: ...


def sequence(**parts: nn.Module) -> nn.Sequential:
    """Make a Sequential whose parts have names."""
    chain = nn.Sequential()
    for name, part in parts.items():
        chain.add_module(name, part)
    return chain


def conv(in_channels: int, out_channels: int, kernel_size: int, *, stride: int = 1) -> nn.Conv2d:
    """Make a convolution that keeps H and W at stride 1; no bias, since a norm follows."""
    padding = kernel_size // 2
    return nn.Conv2d(
        in_channels, out_channels, kernel_size, stride=stride, padding=padding, bias=False
    )


# --- stems ------------------------------------------------------------------------------------


def small_stem(
    in_channels: int, width: int, *, norm: Norm, activation: Activation
) -> nn.Sequential:
    """3x3, norm, act: stride 1, for images up to about 64 pixels.

    He et al. 2015, section 4.2.
    """
    return sequence(conv=conv(in_channels, width, 3), norm=norm(width), act=activation())


def large_stem(
    in_channels: int, width: int, *, norm: Norm, activation: Activation
) -> nn.Sequential:
    """7x7 / 2, norm, act, 3x3 max-pool / 2: stride 4, for photographs.

    He et al. 2015, table 1.
    """
    return sequence(
        conv=conv(in_channels, width, 7, stride=2),
        norm=norm(width),
        act=activation(),
        pool=nn.MaxPool2d(3, stride=2, padding=1),
    )


def deep_stem(in_channels: int, width: int, *, norm: Norm, activation: Activation) -> nn.Sequential:
    """3x3 / 2, 3x3, 3x3, each with norm and act, 3x3 max-pool / 2: stride 4.

    He et al. 2018, "Bag of tricks", ResNet-C: three 3x3 (width / 2, width / 2, width) for one 7x7.
    """
    half = width // 2
    return sequence(
        conv1=conv(in_channels, half, 3, stride=2),
        norm1=norm(half),
        act1=activation(),
        conv2=conv(half, half, 3),
        norm2=norm(half),
        act2=activation(),
        conv3=conv(half, width, 3),
        norm3=norm(width),
        act3=activation(),
        pool=nn.MaxPool2d(3, stride=2, padding=1),
    )


# --- shortcuts --------------------------------------------------------------------------------


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


def identity(in_channels: int, out_channels: int, *, stride: int, norm: Norm) -> nn.Module:
    """y = x; raises `ValueError` where width or stride change."""
    if in_channels != out_channels or stride != 1:
        raise ValueError(
            f"the identity cannot take {in_channels} channels to {out_channels} at stride {stride};"
            " use pad or project"
        )
    return nn.Identity()


def pad(in_channels: int, out_channels: int, *, stride: int, norm: Norm) -> nn.Module:
    """Option A: the identity, with subsampling and zero channels where the shape changes."""
    if in_channels == out_channels and stride == 1:
        return nn.Identity()
    return Pad(in_channels, out_channels, stride=stride)


def project(in_channels: int, out_channels: int, *, stride: int, norm: Norm) -> nn.Module:
    """Option B: the identity; 1x1, norm where the shape changes. He et al. 2015, section 3.3."""
    if in_channels == out_channels and stride == 1:
        return nn.Identity()
    return project_all(in_channels, out_channels, stride=stride, norm=norm)


def project_all(in_channels: int, out_channels: int, *, stride: int, norm: Norm) -> nn.Module:
    """Option C: 1x1, norm in every unit. He et al. 2015, section 4.1."""
    return sequence(conv=conv(in_channels, out_channels, 1, stride=stride), norm=norm(out_channels))


def avg_project(in_channels: int, out_channels: int, *, stride: int, norm: Norm) -> nn.Module:
    """Option D: average-pool / stride, 1x1, norm where the shape changes.

    He et al. 2018, "Bag of tricks", ResNet-D: a strided 1x1 throws three quarters of x away.
    """
    if stride == 1:
        return project(in_channels, out_channels, stride=1, norm=norm)
    return sequence(
        pool=nn.AvgPool2d(stride, ceil_mode=True, count_include_pad=False),
        conv=conv(in_channels, out_channels, 1),
        norm=norm(out_channels),
    )


# --- transforms -------------------------------------------------------------------------------


def basic(
    in_channels: int, out_channels: int, *, stride: int, norm: Norm, activation: Activation
) -> nn.Sequential:
    """3x3 / stride, norm, act, 3x3, norm.

    He et al. 2015, figure 5 left; the last activation stands outside, after the sum.
    """
    return sequence(
        conv1=conv(in_channels, out_channels, 3, stride=stride),
        norm1=norm(out_channels),
        act1=activation(),
        conv2=conv(out_channels, out_channels, 3),
        norm2=norm(out_channels),
    )


def bottleneck(
    in_channels: int, out_channels: int, *, stride: int, norm: Norm, activation: Activation
) -> nn.Sequential:
    """1x1, norm, act, 3x3 / stride, norm, act, 1x1, norm, with a quarter of the width inside.

    He et al. 2015, figure 5 right, with the stride in the 3x3 as in the authors' later Torch code
    (known as v1.5): the 1x1 of the paper would skip three quarters of its input.
    """
    return _bottleneck(in_channels, out_channels, (1, stride), norm, activation)


def bottleneck_2015(
    in_channels: int, out_channels: int, *, stride: int, norm: Norm, activation: Activation
) -> nn.Sequential:
    """1x1 / stride, norm, act, 3x3, norm, act, 1x1, norm: the stride where the paper has it.

    He et al. 2015, figure 5 right and the authors' Caffe models.
    """
    return _bottleneck(in_channels, out_channels, (stride, 1), norm, activation)


def _bottleneck(
    in_channels: int,
    out_channels: int,
    strides: tuple[int, int],
    norm: Norm,
    activation: Activation,
) -> nn.Sequential:
    inner = out_channels // 4
    return sequence(
        conv1=conv(in_channels, inner, 1, stride=strides[0]),
        norm1=norm(inner),
        act1=activation(),
        conv2=conv(inner, inner, 3, stride=strides[1]),
        norm2=norm(inner),
        act2=activation(),
        conv3=conv(inner, out_channels, 1),
        norm3=norm(out_channels),
    )


# --- heads and initialisation -----------------------------------------------------------------


def linear_head(width: int, num_classes: int) -> nn.Sequential:
    """Global average-pool, flatten, linear: (B, width, H, W) -> (B, num_classes) logits."""
    return sequence(
        pool=nn.AdaptiveAvgPool2d(1), flatten=nn.Flatten(), linear=nn.Linear(width, num_classes)
    )


def he_init(model: nn.Module) -> None:
    """Draw each convolution from N(0, 2 / fan_out), with linear biases at zero.

    He et al. 2015, "Delving deep into rectifiers", equation 14 (fan-out, as in the authors' code).
    Norms start at scale one and shift zero, linear weights uniform in +-1 / sqrt(fan_in): torch's.
    """
    for module in model.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
        elif isinstance(module, nn.Linear):
            nn.init.zeros_(module.bias)
