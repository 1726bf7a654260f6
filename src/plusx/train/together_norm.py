"""Batch norm over the batches of all processes."""

from typing import Any, final

import torch
import torch.distributed as dist
from torch import Tensor, nn

__all__ = ["TogetherNorm", "share_norms"]


@final
class _Sum(torch.autograd.Function):
    """The sum of all processes' values; each gets the sum of all gradients back."""

    @staticmethod
    def forward(ctx: Any, values: Tensor) -> Tensor:
        everywhere = values.clone()
        dist.all_reduce(everywhere)
        return everywhere

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        everywhere = gradients[0].clone()
        dist.all_reduce(everywhere)
        return everywhere


@final
class TogetherNorm(nn.BatchNorm2d):
    """y = (x - mean) / sqrt(var + eps) * weight + bias, mean and var over all processes' images.

    Ioffe and Szegedy 2015; the gradient passes through the sums. torch's SyncBatchNorm does this on
    GPUs alone. Any shape (B, C, ...).
    """

    def forward(self, x: Tensor) -> Tensor:
        if not self.training:
            return super().forward(x)
        assert self.running_mean is not None and self.running_var is not None
        assert self.num_batches_tracked is not None
        dims = [d for d in range(x.dim()) if d != 1]
        shape = [1, -1, *[1] * (x.dim() - 2)]
        wide = x.to(torch.promote_types(x.dtype, torch.float32))
        here = torch.cat([wide.sum(dims), wide.new_tensor([x.numel() / x.shape[1]])])
        everywhere: Tensor = _Sum.apply(here)  # type: ignore[no-untyped-call]
        num = everywhere[-1].detach()
        mean = everywhere[:-1] / num
        # around the mean, with a second message: E[x^2] - mean^2 loses all digits of a small var
        squares = (wide - mean.view(shape)).square().sum(dims)
        var: Tensor = _Sum.apply(squares) / num  # type: ignore[no-untyped-call]
        with torch.no_grad():
            self.num_batches_tracked.add_(1)
            share = self.momentum
            if share is None:  # the mean of all batches so far
                share = 1.0 / float(self.num_batches_tracked)
            self.running_mean.lerp_(mean.detach(), share)
            self.running_var.lerp_(var.detach() * num / (num - 1), share)
        scale = torch.rsqrt(var + self.eps)
        if self.weight is not None:
            scale = scale * self.weight
        shift = -mean * scale
        if self.bias is not None:
            shift = shift + self.bias
        return torch.addcmul(shift.view(shape), wide, scale.view(shape)).to(x.dtype)

    def _check_input_dim(self, input: Tensor) -> None:
        """Take any shape."""


def share_norms(model: nn.Module) -> None:
    """Let every batch norm of `model` normalise over all processes' images.

    Names, weights and saved form stay. Does nothing where there is one process.
    """
    if not (dist.is_initialized() and dist.get_world_size() > 1):
        return
    for parent in list(model.modules()):
        for name, child in parent.named_children():
            if isinstance(child, nn.BatchNorm1d | nn.BatchNorm2d | nn.BatchNorm3d):
                setattr(parent, name, _with_state_of(child))


def _with_state_of(norm: nn.BatchNorm1d | nn.BatchNorm2d | nn.BatchNorm3d) -> TogetherNorm:
    made = TogetherNorm(norm.num_features, eps=norm.eps, momentum=norm.momentum, affine=norm.affine)
    made.train(norm.training)
    for name, parameter in norm.named_parameters(recurse=False):
        setattr(made, name, parameter)
    for name, buffer in norm.named_buffers(recurse=False):
        setattr(made, name, buffer)
    return made
