"""Non-local blocks: a place hears all places, as much as a pairwise function says."""

from typing import Protocol, final

from torch import Tensor, nn

from plusx.parts import PLANE, Space, sequence
from plusx.residual import Residual

__all__ = ["Concat", "Dot", "Embedded", "Gaussian", "NonLocal", "Pairwise", "non_local_unit"]


class Pairwise(Protocol):
    """Makes f(x_i, x_j) / C(x) for a width and a width inside: (B, C, H, W) -> (B, N, M).

    N = H W places hear M = ceil(H / 2) ceil(W / 2) places, a sample of all (the paper, section
    3.3); places without neighbours hear all.
    """

    def __call__(self, width: int, inner: int, /, *, space: Space) -> nn.Module: ...


def _embed(width: int, inner: int, space: Space) -> nn.Module:
    """Make a 1x1 convolution that starts small: the authors' code draws it from N(0, 0.01^2)."""
    made = space.conv(width, inner, 1)
    nn.init.normal_(made.weight, std=0.01)
    nn.init.zeros_(made.bias)  # type: ignore[arg-type]
    return made


@final
class Gaussian(nn.Module):
    """f = exp(x_i x_j), C = the sum of f over j: a softmax. Wang et al. 2017, equation 2."""

    def __init__(self, width: int, inner: int, *, space: Space) -> None:
        super().__init__()
        self.pool = space.halve()

    def forward(self, x: Tensor) -> Tensor:
        pairs: Tensor = x.flatten(2).transpose(1, 2) @ self.pool(x).flatten(2)
        return pairs.softmax(2)


@final
class Embedded(nn.Module):
    """f = exp(theta(x_i) phi(x_j)), C = the sum of f over j. Wang et al. 2017, equation 3."""

    def __init__(self, width: int, inner: int, *, space: Space) -> None:
        super().__init__()
        self.theta = _embed(width, inner, space)
        self.phi = sequence(conv=_embed(width, inner, space), pool=space.halve())

    def forward(self, x: Tensor) -> Tensor:
        pairs = self.theta(x).flatten(2).transpose(1, 2) @ self.phi(x).flatten(2)
        weights: Tensor = pairs.softmax(2)
        return weights


@final
class Dot(nn.Module):
    """f = theta(x_i) phi(x_j), C = the number of places. Wang et al. 2017, equation 4."""

    def __init__(self, width: int, inner: int, *, space: Space) -> None:
        super().__init__()
        self.theta = _embed(width, inner, space)
        self.phi = sequence(conv=_embed(width, inner, space), pool=space.halve())

    def forward(self, x: Tensor) -> Tensor:
        pairs: Tensor = self.theta(x).flatten(2).transpose(1, 2) @ self.phi(x).flatten(2)
        return pairs / pairs.shape[2]


@final
class Concat(nn.Module):
    """f = relu(w [theta(x_i); phi(x_j)]), C = the number of places. Wang et al. 2017, equation 5.

    w has a half for each of the two, so that the sum over a pair is a sum of two maps.
    """

    def __init__(self, width: int, inner: int, *, space: Space) -> None:
        super().__init__()
        self.theta = sequence(
            conv=_embed(width, inner, space), weigh=space.conv(inner, 1, 1, bias=False)
        )
        self.phi = sequence(
            conv=_embed(width, inner, space),
            pool=space.halve(),
            weigh=space.conv(inner, 1, 1, bias=False),
        )
        self.act = nn.ReLU()

    def forward(self, x: Tensor) -> Tensor:
        pairs = self.theta(x).flatten(2).transpose(1, 2) + self.phi(x).flatten(2)
        weights: Tensor = self.act(pairs) / pairs.shape[2]
        return weights


@final
class NonLocal(nn.Module):
    """t_i = W_z (sum over j of f(x_i, x_j) g(x_j)) / C(x): the transform of a non-local block.

    Wang et al. 2017, "Non-local neural networks", equations 1 and 6, sections 3.3 and 4.1: half
    the width inside, max-pool after phi and g, BN after W_z with a scale that starts at zero, so
    that the block starts as the identity. (B, C, H, W) -> (B, C, H, W), or what `space` says.
    `ValueError` for a single place.
    """

    def __init__(self, width: int, *, pairwise: Pairwise = Embedded, space: Space = PLANE) -> None:
        super().__init__()
        if not space.many:
            raise ValueError(f"non-local blocks compare places, and {space.shape} has one")
        inner = max(1, width // 2)
        self.pairwise = pairwise(width, inner, space=space)
        self.g = sequence(conv=_embed(width, inner, space), pool=space.halve())
        norm = space.norm(width)
        nn.init.zeros_(norm.weight)
        self.z = sequence(conv=_embed(inner, width, space), norm=norm)

    def forward(self, x: Tensor) -> Tensor:
        heard = self.g(x).flatten(2) @ self.pairwise(x).transpose(1, 2)  # (B, C / 2, N)
        t: Tensor = self.z(heard.unflatten(2, x.shape[2:]))
        return t


def non_local_unit(width: int, *, pairwise: Pairwise = Embedded, space: Space = PLANE) -> Residual:
    """y = x + W_z (sum over j of f(x_i, x_j) g(x_j)) / C(x).

    Wang et al. 2017, equation 6: it stands between the units of a network, or as a gate behind
    each transform. (B, C, H, W) -> (B, C, H, W).
    """
    return Residual(NonLocal(width, pairwise=pairwise, space=space))
