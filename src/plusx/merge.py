"""How shortcut and transform become one: merge(s, t), with its inverse where one exists."""

from collections.abc import Sequence
from typing import final

import torch
from torch import Tensor, fx, nn

__all__ = ["Add", "Concat", "Highway", "Scaled", "ScalarGate", "Sum"]


@final
class Add(nn.Module):
    """y = s + t.

    He et al. 2015, equation 1. s and t have one shape: a sum that broadcasts is nearly always a
    wrong width or stride, so it is refused. `inverse(y, t)` gives s back.
    """

    def forward(self, s: Tensor, t: Tensor) -> Tensor:
        _same_shape(s, t)
        return s + t

    def inverse(self, y: Tensor, t: Tensor) -> Tensor:
        """s = y - t."""
        return y - t


@final
class Sum(nn.Module):
    """y = s + t, as networks that are not ours have it: one may be spread over the other.

    The context that a global-context block (Cao et al. 2019) adds to every place is spread so.
    """

    def forward(self, s: Tensor, t: Tensor) -> Tensor:
        return s + t


@final
class Scaled(nn.Module):
    """y = s + a t, with a learned.

    One scalar that starts at zero is ReZero (Bachlechner et al. 2020) and SkipInit (De and Smith
    2020); one value a channel, `shape=(C, 1, 1)`, that starts small is LayerScale (Touvron et al.
    2021). `inverse(y, t)` gives s back.
    """

    def __init__(self, scale: float = 0.0, *, shape: Sequence[int] = ()) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.full(tuple(shape), float(scale)))

    def forward(self, s: Tensor, t: Tensor) -> Tensor:
        _same_shape(s, t)
        return s + self.scale * t

    def inverse(self, y: Tensor, t: Tensor) -> Tensor:
        """s = y - a t."""
        return y - self.scale * t


@final
class ScalarGate(nn.Module):
    """y = s + relu(k) t, with k one learned number.

    Savarese et al. 2016, "Learning identity mappings with residual gates", section 3: at k = 0 the
    unit is its shortcut. k starts at 1, an ordinary residual unit; below zero it learns no more.
    `inverse(y, t)` gives s back.
    """

    def __init__(self, start: float = 1.0) -> None:
        super().__init__()
        self.gate = nn.Parameter(torch.tensor(float(start)))

    def forward(self, s: Tensor, t: Tensor) -> Tensor:
        _same_shape(s, t)
        return s + torch.relu(self.gate) * t

    def inverse(self, y: Tensor, t: Tensor) -> Tensor:
        """s = y - relu(k) t."""
        return y - torch.relu(self.gate) * t


@final
class Highway(nn.Module):
    """y = s (1 - F) + g, where t = (g, F) along `dim`.

    Srivastava et al. 2015, "Highway networks", equations 2 and 3: the transform gives the gated
    candidate g = T h and how much of s is forgotten, F = T (coupled gates) or F = 1 - C (a carry
    gate of its own), so that t = 0 leaves s as it is and a mean over t is a mean over y. t is twice
    as wide as s. `inverse(y, t)` gives s back where F < 1, as a sigmoid's is.
    """

    def __init__(self, *, dim: int = 1) -> None:
        super().__init__()
        self.dim = dim

    def forward(self, s: Tensor, t: Tensor) -> Tensor:
        candidate, forget = self._split(t)
        _twice_as_wide(s, candidate, forget, self.dim)
        return s * (1 - forget) + candidate

    def inverse(self, y: Tensor, t: Tensor) -> Tensor:
        """s = (y - g) / (1 - F)."""
        candidate, forget = self._split(t)
        return (y - candidate) / (1 - forget)

    def _split(self, t: Tensor) -> tuple[Tensor, Tensor]:
        pieces = t.tensor_split(2, dim=self.dim)
        return pieces[0], pieces[1]


@final
class Concat(nn.Module):
    """y = (s, t) along `dim`.

    Huang et al. 2016, "Densely connected convolutional networks", equation 2: a unit adds channels
    and leaves those before it as they are. s and t are equal but for their width. `inverse(y, t)`
    gives s back.
    """

    def __init__(self, *, dim: int = 1) -> None:
        super().__init__()
        self.dim = dim

    def forward(self, s: Tensor, t: Tensor) -> Tensor:
        _same_elsewhere(s, t, self.dim)
        return torch.cat((s, t), self.dim)

    def inverse(self, y: Tensor, t: Tensor) -> Tensor:
        """s = y without its last channels, as many as t has."""
        return y.narrow(self.dim, 0, y.shape[self.dim] - t.shape[self.dim])


# Traced by torch.fx, where shapes are symbols, these three are not looked into.


@fx.wrap
def _same_shape(s: Tensor, t: Tensor) -> None:
    if s.shape != t.shape:
        raise ValueError(
            f"the shortcut gives {tuple(s.shape)} but the transform {tuple(t.shape)}; they must "
            "be equal to be added: give the unit a shortcut that changes width and stride alike"
        )


@fx.wrap
def _same_elsewhere(s: Tensor, t: Tensor, dim: int) -> None:
    if _without(s, dim) != _without(t, dim):
        raise ValueError(
            f"the shortcut gives {tuple(s.shape)} but the transform {tuple(t.shape)}; to be "
            f"concatenated along {dim} they must be equal elsewhere: no stride in the unit"
        )


@fx.wrap
def _twice_as_wide(s: Tensor, candidate: Tensor, forget: Tensor, dim: int) -> None:
    if s.shape != candidate.shape or s.shape != forget.shape:
        given = list(candidate.shape)
        given[dim] += forget.shape[dim]
        raise ValueError(
            f"the shortcut gives {tuple(s.shape)} but the transform {tuple(given)}; a "
            f"highway merge needs (candidate, gate), twice the width along {dim}"
        )


def _without(x: Tensor, dim: int) -> tuple[int, ...]:
    return tuple(size for place, size in enumerate(x.shape) if place != dim % x.dim())
