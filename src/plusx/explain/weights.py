"""What a class activation map weighs a layer's values with: weights(values, gradients).

Values and gradients are (B, C, h, w); weights are that, or (B, C, 1, 1). A map is their product
with the values, summed over the channels: for fixed weights it is linear in the values.
"""

from collections.abc import Callable

import torch
from torch import Tensor

__all__ = ["Weights", "by_curvature", "by_mean", "by_place", "by_positive_place"]

Weights = Callable[[Tensor, Tensor], Tensor]


def by_mean(values: Tensor, gradients: Tensor) -> Tensor:
    """w = mean over the places of g: Grad-CAM.

    Selvaraju et al. 2017, equation 1.
    """
    return gradients.mean((2, 3), keepdim=True)


def by_curvature(values: Tensor, gradients: Tensor) -> Tensor:
    """w = sum of a relu(g), with a = g^2 / (2 g^2 + sum(values) g^3), at most 1: Grad-CAM++.

    Chattopadhay et al. 2018, equations 5 and 19, for maps behind a ReLU, where a is at most 1/2.
    The sum of a map before it may be negative, and take a through a pole: there it stays 1.
    """
    square = gradients**2
    below = 2 * square + values.sum((2, 3), keepdim=True) * square * gradients
    # 1e-6 is pytorch-grad-cam's, for maps that agree; with gradients far below 0.001 it rules
    a = square / (torch.maximum(below, square) + 1e-6)
    return (a * gradients.relu()).sum((2, 3), keepdim=True)


def by_place(values: Tensor, gradients: Tensor) -> Tensor:
    """w = g, place by place: HiResCAM.

    Draelos and Carin 2020, equation 5.
    """
    return gradients


def by_positive_place(values: Tensor, gradients: Tensor) -> Tensor:
    """w = relu(g), place by place: Layer-CAM.

    Jiang et al. 2021, equation 5.
    """
    return gradients.relu()
