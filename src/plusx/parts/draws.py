"""Random weights by name, of convolutions and linear layers: He, Xavier, orthogonal."""

import math
from collections.abc import Callable, Mapping

import torch
from torch import Tensor, nn

__all__ = ["DRAWS", "Draw", "he", "orthogonal", "redraw", "xavier"]

Draw = Callable[[Tensor, int, torch.Generator | None], Tensor]
"""From weights (outputs, inputs of a group, *kernel) and the number of groups to drawn ones."""


def he(weight: Tensor, groups: int, generator: torch.Generator | None) -> Tensor:
    """N(0, 2 / fan_out), of linear layers N(0, 2 / fan_in): a ReLU halves the variance.

    He et al. 2015, "Delving deep into rectifiers", equations 14 and 10. A linear layer mostly ends
    a network, where the few outputs would make large logits.
    """
    fan_in, fan_out = _fans(weight, groups)
    deviation = math.sqrt(2 / (fan_out if weight.dim() > 2 else fan_in))
    return torch.empty_like(weight).normal_(0, deviation, generator=generator)


def xavier(weight: Tensor, groups: int, generator: torch.Generator | None) -> Tensor:
    """U(-a, a) with a = sqrt(6 / (fan_in + fan_out)): a variance of 2 / (fan_in + fan_out).

    Glorot and Bengio 2010, "Understanding the difficulty of training deep feedforward neural
    networks", equation 16: for activations that are linear around zero, such as tanh.
    """
    bound = math.sqrt(6 / sum(_fans(weight, groups)))
    return torch.empty_like(weight).uniform_(-bound, bound, generator=generator)


def orthogonal(weight: Tensor, groups: int, generator: torch.Generator | None) -> Tensor:
    """sqrt(2) Q, with rows or columns orthonormal, whichever are fewer; evenly among all such Q.

    Saxe et al. 2013, "Exact solutions to the nonlinear dynamics of learning in deep linear neural
    networks", arXiv 1312.6120, section 3: no direction grows or fades with depth. The factor, which
    a linear network does without, is He's for ReLU. A filter is a row; each group of a convolution
    is a matrix of its own, as its outputs see no other inputs. Q is the QR decomposition's of a
    normal matrix, with the signs of R's diagonal (Mezzadri 2006, arXiv math-ph/0609050).
    """
    matrices = weight.reshape(groups, weight.shape[0] // groups, -1)
    wide = matrices.shape[1] < matrices.shape[2]
    drawn = torch.empty_like(matrices.mT if wide else matrices).normal_(generator=generator)
    q, r = torch.linalg.qr(drawn)
    q = q * r.diagonal(dim1=-2, dim2=-1).sign().unsqueeze(-2)
    made: Tensor = math.sqrt(2) * (q.mT if wide else q)
    return made.reshape(weight.shape)


DRAWS: Mapping[str, Draw] = {"he": he, "xavier": xavier, "orthogonal": orthogonal}


def redraw(model: nn.Module, draw: Draw, *, generator: torch.Generator | None = None) -> None:
    """Draw the weights of all convolutions and linear layers anew, in the order of the modules.

    All else stays: norms, biases, the scalars of a merge, and weights that are zero throughout,
    which a paper wants so (Fixup's last convolutions, a non-local unit's). Without a `generator`
    the global one is drawn from, as torch's layers do when they are made.
    """
    for module in model.modules():
        if not isinstance(module, nn.Conv1d | nn.Conv2d | nn.Conv3d | nn.Linear):
            continue
        weight, groups = module.weight, 1 if isinstance(module, nn.Linear) else module.groups
        if weight.is_meta or weight.any():  # on "meta" there is nothing to look at, or to draw
            with torch.no_grad():
                weight.copy_(draw(weight, groups, generator))


def _fans(weight: Tensor, groups: int) -> tuple[int, int]:
    """Return how many weights lead to an output, and how many an input leads to."""
    places = weight[0, 0].numel()
    return weight.shape[1] * places, weight.shape[0] // groups * places
