"""Does a gate answer to its input, or would a fixed gate of the same mean do?"""

import math
from collections.abc import Callable, Collection
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from plusx.analysis.aligned import aligned
from plusx.analysis.drawing import BLUE, every_row, new_axes
from plusx.analysis.gate_moments import Moments, batches, moments_in, shared_out
from plusx.analysis.gated_pass import GatedPass, seeing

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["Fixed", "GateDynamics", "gate_dynamics", "paired_interval"]


@dataclass(frozen=True)
class Fixed:
    """The network with one gate (or all) replaced by the mean of its weights over the images.

    `varies` is the standard deviation of the weights over images against their root mean square,
    `between` the share of that variance that lies between the classes; both None for all gates.
    `accuracy` is that with the fixed gate, `lost` what it falls by with its 95% interval (paired).
    `flips` is the share of images that are called otherwise, `change` the root mean square change
    of the logits against their standard deviation over images.
    """

    name: str
    kind: str
    varies: float | None
    between: float | None
    accuracy: float
    lost: float
    interval: tuple[float, float]
    flips: float
    change: float


@dataclass(frozen=True)
class GateDynamics:
    """Each gate fixed alone, in the order of execution, then all of them."""

    count: int
    accuracy: float
    gates: tuple[Fixed, ...]
    together: Fixed

    def to_json(self) -> dict[str, Any]:
        """Return the figures as plain JSON values."""
        return asdict(self)

    def table(self) -> str:
        """List the gates, and at the end all of them fixed."""
        lines = [("fixed at its mean", "varies", "points lost", "95% interval", "flips", "logits")]
        for row in (*self.gates, self.together):
            low, high = row.interval
            lines.append((
                row.name,
                "-" if row.varies is None else f"{row.varies:.1%}",
                f"{100 * row.lost:.2f}",
                f"{100 * low:.2f} to {100 * high:.2f}",
                f"{row.flips:.2%}",
                f"{row.change:.3g}",
            ))  # fmt: skip
        title = f"{self.accuracy:.2%} of {self.count:,} images are right with the gates as they are"
        words = [
            "varies: deviation of the weights over images, of their size; points lost: accuracy;",
            "flips: images called otherwise; logits: their change, of their own deviation",
        ]
        return "\n".join([title, "", *aligned(lines, total=1), "", *words])

    def plot(self, ax: "Axes | None" = None) -> "Axes":
        """Draw what accuracy each gate loses when it is fixed, the input at the top."""
        ax = ax or new_axes()
        rows = (*self.gates, self.together)
        for place, row in enumerate(rows):
            ax.plot([100 * end for end in row.interval], [place, place], color=BLUE)
        ax.plot([100 * row.lost for row in rows], range(len(rows)), "o", color=BLUE)
        ax.axvline(0, color="gray", linestyle=":")
        every_row(ax, [row.name for row in rows])
        ax.set_xlabel("accuracy lost with the gate fixed, points")
        return ax


def gate_dynamics(
    model: nn.Module, images: Tensor, labels: Tensor, *, batch: int = 64
) -> GateDynamics:
    """Fix each gate of `model` at its mean over images (N, ...), and see what is lost.

    The mean is of each weight by itself: a channel's, a place's. A gate that loses nothing is not
    dynamic, whatever it varies. The model is left as it was.
    """
    with seeing(model) as passes, torch.no_grad():
        found, seen = moments_in(passes, images, labels, batch=batch)
        plain = _logits(passes, images, labels, batch, seen, ())
        rows = []
        for gate in found:
            fixed = _logits(passes, images, labels, batch, seen, (gate.name,))
            own = seen[gate.name]
            size = math.sqrt(float((own.mean**2).sum() + own.variance.sum()))
            varies = math.sqrt(float(own.variance.sum())) / size if size else 0.0
            effect = _effect(plain, fixed, labels)
            rows.append(Fixed(gate.name, gate.kind, varies, shared_out(own), *effect))
        fixed = _logits(passes, images, labels, batch, seen, seen.keys())
    together = Fixed("all gates", "", None, None, *_effect(plain, fixed, labels))
    right = float((plain.argmax(1) == labels.cpu()).double().mean())
    return GateDynamics(len(images), right, tuple(rows), together)


def _logits(
    passes: GatedPass,
    images: Tensor,
    labels: Tensor,
    batch: int,
    seen: dict[str, Moments],
    fixed: Collection[str],
) -> Tensor:
    instead = {name: _held(seen[name].mean) for name in fixed}
    parts = [passes(x, weights=instead).logits for x, _ in batches(images, labels, batch)]
    return torch.cat(parts).double().cpu()


def _held(mean: Tensor) -> Callable[[Tensor], Tensor]:
    """Make what gives the mean for every sample, in the shape that the weights have in the graph.

    The weights may lack the first axes of the value, which broadcasting adds.
    """

    def hold(weights: Tensor) -> Tensor:
        return mean.to(weights).expand(weights.shape)

    return hold


def _effect(
    plain: Tensor, fixed: Tensor, labels: Tensor
) -> tuple[float, float, tuple[float, float], float, float]:
    calls = plain.argmax(1), fixed.argmax(1)
    right = [call == labels.cpu() for call in calls]
    worse, better = int((right[0] & ~right[1]).sum()), int((right[1] & ~right[0]).sum())
    count = len(plain)
    spread = (plain - plain.mean(0)).square().mean().sqrt()
    change = float((fixed - plain).square().mean().sqrt() / spread.clamp(min=1e-30))
    return (
        float(right[1].double().mean()),
        (worse - better) / count,
        paired_interval(worse, better, count),
        float((calls[0] != calls[1]).double().mean()),
        change,
    )


def paired_interval(worse: int, better: int, count: int) -> tuple[float, float]:
    """Return the 95% interval of a paired difference of shares, (worse - better) / count.

    Agresti and Min 2005, "Simple improved confidence intervals for comparing matched proportions":
    half an image is added to each of the four cells, so that it has a width where none differs.
    """
    total = count + 2
    b, c = worse + 0.5, better + 0.5
    middle = (b - c) / total
    half = 1.96 * math.sqrt(b + c - (b - c) ** 2 / total) / total
    return middle - half, middle + half
