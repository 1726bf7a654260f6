"""Do the channels that a gate favours matter more than the others?"""

import math
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from plusx.analysis.aligned import aligned
from plusx.analysis.drawing import BLUE, ORANGE, new_axes
from plusx.analysis.gate_complexity import rank_correlation
from plusx.analysis.gate_layout import by_channel
from plusx.analysis.gate_moments import Moments, batches
from plusx.analysis.gated_pass import GatedPass, seeing
from plusx.analysis.gates import found_gates, named
from plusx.analysis.labels import known
from plusx.errors import InputError

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["Channel", "GateImportance", "Kept", "gate_importance"]


@dataclass(frozen=True)
class Channel:
    """One channel: the gate's mean weight, and how much the loss rises when it alone is removed."""

    index: int
    weight: float
    loss: float


@dataclass(frozen=True)
class Kept:
    """Accuracy with a share of the channels kept: the heaviest, those that cost most, and random.

    `random` has an accuracy a seed.
    """

    share: float
    by_weight: float
    by_loss: float
    random: tuple[float, ...]


@dataclass(frozen=True)
class GateImportance:
    """The channels that one gate weighs, removed: what it weighs is zero there."""

    gate: str
    unit: str
    count: int
    accuracy: float
    channels: tuple[Channel, ...]
    kept: tuple[Kept, ...]

    @property
    def weight_ratio(self) -> float | None:
        """The heaviest mean weight over the lightest; None where that is not above 0."""
        return _ratio([channel.weight for channel in self.channels])

    @property
    def loss_ratio(self) -> float | None:
        """The greatest rise of the loss over the least; None where removing some costs nothing."""
        return _ratio([channel.loss for channel in self.channels])

    @property
    def agreement(self) -> float | None:
        """Rank correlation of weight and rise of the loss, over channels; None if one is flat."""
        r = self._correlation[0]
        return None if math.isnan(r) else r

    @property
    def agreement_interval(self) -> tuple[float, float] | None:
        """The 95% interval of `agreement`, over channels; None if that is."""
        r, low, high = self._correlation
        return None if math.isnan(r) else (low, high)

    @property
    def _correlation(self) -> tuple[float, float, float]:
        weights, losses = (
            np.array(values)
            for values in zip(*((c.weight, c.loss) for c in self.channels), strict=True)
        )
        return rank_correlation(weights, losses)

    def to_json(self) -> dict[str, Any]:
        """Return the figures as plain JSON values."""
        return {
            **asdict(self),
            "weight_ratio": self.weight_ratio,
            "loss_ratio": self.loss_ratio,
            "agreement": self.agreement,
            "agreement_interval": self.agreement_interval,
        }

    def table(self) -> str:
        """List accuracy by the share kept, under what the channels are worth."""
        lines = [("kept", "heaviest", "costliest", "random", "lowest to highest")]
        lines += [
            (
                f"{kept.share:.0%}",
                f"{kept.by_weight:.2%}",
                f"{kept.by_loss:.2%}",
                f"{np.mean(kept.random):.2%}",
                f"{min(kept.random):.2%} to {max(kept.random):.2%} ({len(kept.random)} seeds)",
            )
            for kept in self.kept
        ]
        ends = self.agreement_interval
        words = [
            f"{self.gate}: {len(self.channels)} channels, {self.accuracy:.2%} of {self.count:,} "
            "images are right with all",
            f"most to least: weight {_times(self.weight_ratio)}, rise of the loss "
            f"{_times(self.loss_ratio)}",
            "rank correlation of the two: "
            + ("-" if ends is None else f"{self.agreement:.2f} ({ends[0]:.2f} to {ends[1]:.2f})"),
        ]
        return "\n".join([*words, "", *aligned(lines)])

    def plot(self, ax: "Axes | None" = None) -> "Axes":
        """Draw accuracy against the share of channels kept."""
        ax = ax or new_axes()
        shares = [100 * kept.share for kept in self.kept]
        for label, color, values in (
            ("heaviest", BLUE, [kept.by_weight for kept in self.kept]),
            ("costliest", ORANGE, [kept.by_loss for kept in self.kept]),
            ("random, mean", "gray", [float(np.mean(kept.random)) for kept in self.kept]),
        ):
            ax.plot(shares, [100 * v for v in values], "o-", color=color, label=label)
        low, high = ([100 * pick(k.random) for k in self.kept] for pick in (min, max))
        ax.fill_between(shares, low, high, color="gray", alpha=0.2, linewidth=0)
        ax.set(xlabel=f"channels kept of {self.gate}, %", ylabel="accuracy, %")
        ax.legend()
        return ax


def gate_importance(
    model: nn.Module,
    images: Tensor,
    labels: Tensor,
    *,
    gate: str | None = None,
    shares: Sequence[float] = (0.0, 0.1, 0.25, 0.5, 0.75, 0.9, 1.0),
    seeds: int = 5,
    batch: int = 64,
) -> GateImportance:
    """Remove channels of what one gate of `model` weighs, over images (N, ...), one and many.

    A pass over the images for each channel, and two and `seeds` for each share. The orders are
    found on the same images: that of the loss flatters itself. `gate` may be left out where there
    is one. The model is left as it was.
    """
    if seeds < 1 or not shares or not all(0 <= share <= 1 for share in shares):
        raise InputError(
            f"shares are {tuple(shares)} and seeds {seeds}, expected 0 to 1, 1 or more"
        )
    cut = batches(images, labels, batch)
    with seeing(model) as passes, torch.no_grad():
        chosen = named(found_gates(passes, images), gate)
        if chosen.kind not in ("channel", "both"):
            raise InputError(
                f"the gate {chosen.name} weighs {chosen.kind}, expected one that weighs channels"
            )
        weights = _weights(passes, cut, chosen.name)

        def judged(keep: Tensor) -> tuple[float, float]:
            return _judged(passes, cut, chosen.name, keep)

        width = len(weights)
        loss, accuracy = judged(torch.ones(width))
        rises = [judged(1 - one)[0] - loss for one in torch.eye(width)]
        kept = _curves(judged, [weights.tolist(), rises], shares, seeds)
    rows = (Channel(i, float(w), r) for i, (w, r) in enumerate(zip(weights, rises, strict=True)))
    return GateImportance(chosen.name, chosen.unit, len(images), accuracy, tuple(rows), kept)


def _curves(
    judged: Callable[[Tensor], tuple[float, float]],
    worth: Sequence[Sequence[float]],
    shares: Sequence[float],
    seeds: int,
) -> tuple[Kept, ...]:
    width = len(worth[0])
    orders = [torch.tensor(values).argsort(descending=True, stable=True) for values in worth]
    orders += [
        torch.randperm(width, generator=torch.Generator().manual_seed(seed))
        for seed in range(seeds)
    ]
    rows = []
    for share in shares:
        accuracies = []
        for order in orders:
            keep = torch.zeros(width)
            keep[order[: round(share * width)]] = 1
            accuracies.append(judged(keep)[1])
        rows.append(Kept(share, accuracies[0], accuracies[1], tuple(accuracies[2:])))
    return tuple(rows)


def _weights(passes: GatedPass, cut: Sequence[tuple[Tensor, Tensor]], name: str) -> Tensor:
    """Return the mean weight of each channel: (C,)."""
    seen = Moments.of(1)
    for x, y in cut:
        seen.add(by_channel(passes(x).weights[name]), torch.zeros_like(y))
    return seen.mean


def _judged(
    passes: GatedPass, cut: Sequence[tuple[Tensor, Tensor]], name: str, keep: Tensor
) -> tuple[float, float]:
    """Return loss and accuracy with the channels kept where `keep` (C,) is 1."""

    def thin(value: Tensor) -> Tensor:
        return value * keep.to(value).view(1, -1, *(1,) * (value.dim() - 2))

    loss, right, count = 0.0, 0, 0
    for x, y in cut:
        logits = passes(x, values={name: thin}).logits.float()
        loss += float(F.cross_entropy(logits, known(y, logits.shape[1]), reduction="sum"))
        right += int((logits.argmax(1) == y).sum())
        count += len(y)
    return loss / count, right / count


def _ratio(values: Sequence[float]) -> float | None:
    return max(values) / min(values) if min(values) > 0 else None


def _times(ratio: float | None) -> str:
    return "- (the least is not above 0)" if ratio is None else f"{ratio:.3g}"
