"""By which way does the gradient pass a gate, and the unit around it?"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from plusx.analysis.aligned import aligned
from plusx.analysis.drawing import BLUE, ORANGE, every_row, new_axes, profile
from plusx.analysis.gate_moments import batches
from plusx.analysis.gated_pass import seeing
from plusx.analysis.gates import found_gates, named
from plusx.analysis.labels import known

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["Flow", "GateFlow", "gate_flow"]


@dataclass(frozen=True)
class Flow:
    """L2 norms of gradients of the mean loss, over all images; None where there is no such way.

    At what the weights are made of, which is the value that the gate weighs or, where a gate has
    weighed that already, or a map was between, what the value is made of: `direct` came by the
    value, times the weights, `weights` by the computation of the weights. At the input of the unit:
    `shortcut` and `transform`.
    """

    gate: str
    unit: str
    direct: float
    weights: float
    shortcut: float | None
    transform: float | None

    @property
    def share(self) -> float:
        """The share that came by the weights: weights / (weights + direct)."""
        return _share(self.weights, self.direct)

    @property
    def gated_share(self) -> float | None:
        """The share at the unit that came by the transform, with its gate; None without a unit."""
        if self.shortcut is None or self.transform is None:
            return None
        return _share(self.transform, self.shortcut)


@dataclass(frozen=True)
class GateFlow:
    """The gates in the order of execution."""

    rows: tuple[Flow, ...]

    def to_json(self) -> dict[str, Any]:
        """Return the figures as plain JSON values."""
        return {
            "rows": [
                {**asdict(row), "share": row.share, "gated_share": row.gated_share}
                for row in self.rows
            ]
        }

    def table(self) -> str:
        """List the gates: norms by each way, and the shares."""
        lines = [("gate", "value", "weights", "share", "shortcut", "transform", "share")]
        for row in self.rows:
            unit = ("-", "-", "-")
            if row.shortcut is not None and row.transform is not None:
                unit = (f"{row.shortcut:.3g}", f"{row.transform:.3g}", f"{row.gated_share:.1%}")
            lines.append((row.gate, f"{row.direct:.3g}", f"{row.weights:.3g}", f"{row.share:.1%}",
                          *unit))  # fmt: skip
        return "\n".join(aligned(lines))

    def plot(self, ax: "Axes | None" = None) -> "Axes":
        """Draw both shares by gate, the input at the top."""
        ax = ax or new_axes()
        names = [row.gate for row in self.rows]
        for label, color, shares in (
            ("by the weights", BLUE, [row.share for row in self.rows]),
            ("by the transform", ORANGE, [row.gated_share for row in self.rows]),
        ):
            known = [float("nan") if share is None else 100 * share for share in shares]
            profile(ax, known, names=names, label=label, style="o-", color=color)
        every_row(ax, names)
        ax.set_xscale("linear")  # shares: what is next to nothing shall look so
        ax.set(xlabel="share of the gradient, %", xlim=(-3, 103))
        ax.legend()
        return ax


def gate_flow(model: nn.Module, images: Tensor, labels: Tensor, *, batch: int = 64) -> GateFlow:
    """Split the gradient of cross-entropy at each gate, and at the unit around it, by its ways.

    The split is exact: the parts add up to the gradient. In evaluation mode; the model, its
    gradients among them, is left as it was.
    """
    cut = batches(images, labels, batch)
    squares: dict[str, list[float]] = {}
    with seeing(model) as passes:
        found = found_gates(passes, images)
        named(found, found[0].name if found else None)  # refuses a network without a gate
        for x, y in cut:
            with torch.inference_mode(False), torch.enable_grad():
                seen = passes(x.detach().clone().requires_grad_(), with_units=True)
                logits = seen.logits.float()
                classes = known(y.clone(), logits.shape[1])
                loss = F.cross_entropy(logits, classes, reduction="sum") / len(images)
                for gate in found:
                    name = gate.name
                    ways = _split(loss, seen.sources[name], seen.products[name], seen.raw[name])
                    if gate.unit and gate.unit in seen.joins:
                        ways += _at_unit(loss, *seen.joins[gate.unit])
                    before = squares.setdefault(name, [0.0] * len(ways))
                    squares[name] = [a + b for a, b in zip(before, ways, strict=True)]
    rows = []
    for gate in found:
        norms: Sequence[float | None] = [square**0.5 for square in squares[gate.name]]
        direct, weights, shortcut, transform = [*norms, None, None][:4]
        assert direct is not None and weights is not None
        rows.append(Flow(gate.name, gate.unit, direct, weights, shortcut, transform))
    return GateFlow(tuple(rows))


def _split(loss: Tensor, source: Tensor, product: Tensor, weights: Tensor) -> list[float]:
    """Return the squared norms of the gradient at the source, past the weights and through them."""
    by_product, by_weights = torch.autograd.grad(
        loss, (product, weights), retain_graph=True, allow_unused=True
    )
    through = _through(weights, source, by_weights)
    whole = _through(product, source, by_product)
    return [_square(whole - through), _square(through)]


def _at_unit(loss: Tensor, x: Tensor, shortcut: Tensor, transform: Tensor) -> list[float]:
    ends = torch.autograd.grad(loss, (shortcut, transform), retain_graph=True, allow_unused=True)
    if shortcut is x:  # an identity: what reaches y reaches x, of which the transform is made too
        whole = _through(loss, x, torch.ones_like(loss))
        by_transform = _through(transform, x, ends[1])
        return [_square(whole - by_transform), _square(by_transform)]
    return [_square(_through(s, x, end)) for s, end in zip((shortcut, transform), ends)]


def _through(y: Tensor, x: Tensor, gradient: Tensor | None) -> Tensor:
    if gradient is None:
        return torch.zeros_like(x)
    (made,) = torch.autograd.grad(y, x, gradient, retain_graph=True, allow_unused=True)
    return torch.zeros_like(x) if made is None else made


def _square(gradient: Tensor) -> float:
    return float(gradient.detach().double().square().sum())


def _share(one: float, other: float) -> float:
    return one / (one + other) if one + other else 0.0
