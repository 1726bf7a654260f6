"""What happens to signal and gradient, unit by unit, in one training step?"""

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from plusx.analysis.aligned import aligned
from plusx.analysis.drawing import new_axes, profile
from plusx.analysis.outline import outline
from plusx.analysis.untouched import untouched
from plusx.errors import InputError
from plusx.tape import record, watch
from plusx.unit import outer_units

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["ActivationSignal", "PartSignal", "Signal", "signal"]

ACTIVATIONS = (nn.ReLU, nn.ReLU6, nn.LeakyReLU, nn.SiLU, nn.GELU, nn.Mish, nn.Hardswish)


@dataclass(frozen=True)
class PartSignal:
    """A part of the network: `gradient` is the L2 norm of the gradient of its parameters.

    It is None where the part is frozen: none of its parameters asks for a gradient.
    `share` = norm of transform(x) / norm of shortcut(x) over the batch, for a residual unit: how
    much the unit changes its input. None elsewhere.
    """

    name: str
    gradient: float | None
    share: float | None


@dataclass(frozen=True)
class ActivationSignal:
    """The output of one activation module.

    `dead` is the share of its channels that are zero for every image at every place.
    """

    name: str
    mean: float
    std: float
    dead: float


@dataclass(frozen=True)
class Signal:
    """Gradient and change by part, statistics by activation, both in order of depth."""

    loss: float
    parts: tuple[PartSignal, ...]
    activations: tuple[ActivationSignal, ...]

    def to_json(self) -> dict[str, object]:
        """Return the figures as plain JSON values."""
        return asdict(self)

    def gradients(self) -> list[float]:
        """Return the gradient of each part, NaN where it is frozen."""
        return [math.nan if part.gradient is None else part.gradient for part in self.parts]

    def table(self) -> str:
        """List the parts, then the activations, from input to output."""
        parts = [("part", "gradient", "transform / shortcut")]
        for part in self.parts:
            share = "-" if part.share is None else f"{part.share:.4g}"
            gradient = "frozen" if part.gradient is None else f"{part.gradient:.4g}"
            parts.append((part.name, gradient, share))
        activations = [("", "activation", "mean", "std", "dead")]
        for index, a in enumerate(self.activations, 1):
            figures = (f"{a.mean:.4g}", f"{a.std:.4g}", f"{a.dead:.1%}")
            activations.append((str(index), a.name, *figures))
        return "\n".join([*aligned(parts), "", *aligned(activations, words=2)])

    def plot(self, ax: "Axes | None" = None, *, label: str = "gradient norm") -> "Axes":
        """Draw the norm of the gradient by part, the input at the top.

        Call it again with the same axes for another signal of the same network.
        """
        ax = ax or new_axes()
        profile(ax, self.gradients(), names=[part.name for part in self.parts], label=label)
        ax.set_xlabel("norm of the gradient")
        return ax


def signal(
    model: nn.Module, images: Tensor, labels: Tensor, *, still: Sequence[nn.Module] = ()
) -> Signal:
    """Measure one forward and backward pass of cross-entropy in training mode; no step is taken.

    `images` (B, C, H, W) as the network takes them, `labels` (B,); the modules of `still` stand in
    evaluation mode, as frozen ones do. The model, its statistics, its gradients and the random
    state are left as they were. Raises `InputError` where all parameters are frozen.
    """
    if not any(parameter.requires_grad for parameter in model.parameters()):
        raise InputError(
            "every parameter of the network is frozen, expected one that learns: there is no "
            "gradient to measure; call requires_grad_() on a part of it"
        )
    activations = {n: m for n, m in model.named_modules() if isinstance(m, ACTIVATIONS)}
    seen: dict[str, ActivationSignal] = {}

    def see(name: str, x: Tensor, y: Tensor) -> None:
        seen[name] = _activation(name, y.detach().float())

    with untouched(model), record(model) as tape, watch(activations, see), torch.enable_grad():
        model.train()
        for module in still:
            module.eval()
        loss = F.cross_entropy(model(images).float(), labels)
        loss.backward()
        shares = {
            name: _norm(unit.transform) / max(_norm(unit.shortcut), 1e-12)
            for name, unit in tape.units.items()
        }
        weighty = [
            (name, part) for name, part in outline(model) if any(True for _ in part.parameters())
        ]
        parts = tuple(_part(name, part, shares) for name, part in weighty)
    return Signal(float(loss.detach()), parts, tuple(seen.values()))


def _part(address: str, part: nn.Module, shares: dict[str, float]) -> PartSignal:
    learning = [p for p in part.parameters() if p.requires_grad]
    grads = [p.grad for p in learning if p.grad is not None]
    norm = torch.stack([grad.float().norm() for grad in grads]).norm() if grads else 0.0
    inside = [unit.name for unit in outer_units(part)]
    share = shares[f"{address}.{inside[0]}".rstrip(".")] if len(inside) == 1 else None
    return PartSignal(address, float(norm) if learning else None, share)


def _activation(name: str, y: Tensor) -> ActivationSignal:
    channels = y.flatten(2).amax(dim=(0, 2)) if y.dim() > 2 else y.amax(dim=0)
    low = y.flatten(2).amin(dim=(0, 2)) if y.dim() > 2 else y.amin(dim=0)
    dead = ((channels == 0) & (low == 0)).float().mean()
    return ActivationSignal(name, float(y.mean()), float(y.std()), float(dead))


def _norm(tensor: Tensor) -> float:
    return float(tensor.detach().float().norm())
