"""suited(model, images): images as the network's weights are."""

from torch import Tensor, nn

__all__ = ["suited"]


def suited(model: nn.Module, images: Tensor) -> Tensor:
    """Return the images on the device of the weights and in their kind of numbers.

    >>> import torch
    >>> suited(nn.Linear(2, 2).bfloat16(), torch.zeros(1)).dtype
    torch.bfloat16
    """
    return images.to(next((p for p in model.parameters() if p.is_floating_point()), images))
