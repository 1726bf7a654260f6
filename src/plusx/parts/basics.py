"""Convolution, chain, head, initialisation: what every image network needs."""

from torch import nn

__all__ = ["conv", "he_init", "linear_head", "sequence"]


def sequence(**parts: nn.Module) -> nn.Sequential:
    """Make a Sequential whose parts have names: `unit.transform.conv1` can be read aloud."""
    chain = nn.Sequential()
    for name, part in parts.items():
        chain.add_module(name, part)
    return chain


def conv(
    in_channels: int, out_channels: int, kernel_size: int, *, stride: int = 1, groups: int = 1
) -> nn.Conv2d:
    """Make a convolution that keeps H and W at stride 1; no bias, since a norm follows."""
    return nn.Conv2d(
        in_channels,
        out_channels,
        kernel_size,
        stride=stride,
        padding=kernel_size // 2,
        groups=groups,
        bias=False,
    )


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
        if isinstance(module, nn.Conv1d | nn.Conv2d | nn.Conv3d):
            nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
            if module.bias is not None:
                nn.init.zeros_(module.bias)
        elif isinstance(module, nn.Linear) and module.bias is not None:
            nn.init.zeros_(module.bias)
