"""Which channels does each gate let through, and for which classes?"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor, nn

from plusx.analysis.aligned import aligned
from plusx.analysis.drawing import new_axes, short, wide_enough
from plusx.analysis.gate_layout import by_channel
from plusx.analysis.gate_moments import Moments, moments, shared_out
from plusx.analysis.gates import Gate, among
from plusx.errors import InputError

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["ChannelWeights", "GateWeights", "gate_weights"]


@dataclass(frozen=True, eq=False)
class ChannelWeights:
    """One gate: `by_class` (K, C) is the mean weight of each channel over the images of a class.

    Weights of several places are averaged over them; C is 1 where all channels share a weight.
    `std` (C,) is over images. `between` is the share of the variance of all weights that lies
    between the classes (eta squared); `chance` is what it would be, on average, were the images
    dealt out to classes at random: (K - 1) / (N - 1).
    """

    name: str
    kind: str
    unit: str
    mean: NDArray[np.float64]
    std: NDArray[np.float64]
    by_class: NDArray[np.float64]
    between: float
    chance: float


@dataclass(frozen=True, eq=False)
class GateWeights:
    """The channel weights of every gate, in the order of execution."""

    classes: tuple[str, ...]
    count: int
    gates: tuple[ChannelWeights, ...]

    def __getitem__(self, name: str) -> ChannelWeights:
        """Return a gate by its name."""
        for gate in self.gates:
            if gate.name == name:
                return gate
        known = [gate.name for gate in self.gates]
        raise InputError(f"the network has no gate {name!r}{among(name, known)}")

    def beyond_chance(self, gate: ChannelWeights) -> bool:
        """Tell whether more lies between the classes than chance gives the best of all gates.

        In one of twenty sets of gates at the most: of one weight that is a normal variable, eta
        squared is beta((K - 1) / 2, (N - K) / 2); the mean of several weights' spreads less.
        """
        from scipy.stats import beta

        between = gate.chance * (self.count - 1) / 2
        within = (self.count - 1) / 2 - between
        if min(between, within) < 0.25:  # one class, or no two images of one
            return False
        return bool(gate.between > beta.ppf(1 - 0.05 / len(self.gates), between, within))

    def to_json(self) -> dict[str, Any]:
        """Return the figures as plain JSON values; null for a class without images."""
        return {
            "classes": list(self.classes),
            "count": self.count,
            "gates": [
                {
                    "name": gate.name,
                    "kind": gate.kind,
                    "unit": gate.unit,
                    "mean": gate.mean.tolist(),
                    "std": gate.std.tolist(),
                    "by_class": [
                        [None if np.isnan(w) else w for w in row] for row in gate.by_class.tolist()
                    ],
                    "between": gate.between,
                    "chance": gate.chance,
                }
                for gate in self.gates
            ],
        }

    def table(self) -> str:
        """List the gates: weights over channels, and what of their variance is between classes."""
        lines = [("gate", "kind", "channels", "mean", "least", "most", "std", "between classes")]
        lines += [
            (
                gate.name,
                gate.kind,
                str(len(gate.mean)),
                f"{gate.mean.mean():.3f}",
                f"{gate.mean.min():.3f}",
                f"{gate.mean.max():.3f}",
                f"{gate.std.mean():.3f}",
                f"{gate.between:.1%} (chance {gate.chance:.1%})",
            )
            for gate in self.gates
        ]
        title = f"Weights over {self.count:,} images; std is over images, the mean over channels"
        return "\n".join([title, "", *aligned(lines, words=2)])

    def plot(self, ax: "Axes | None" = None, *, gate: str | None = None) -> "Axes":
        """Draw the channels' mean weights by class, of one gate, the last if none is named.

        The channels stand in the order of their mean over all images.
        """
        ax = ax or new_axes()
        chosen = self.gates[-1] if gate is None else self[gate]
        order = np.argsort(-chosen.mean)
        low, high = wide_enough(chosen.by_class)
        image = ax.imshow(
            chosen.by_class[:, order], aspect="auto", interpolation="nearest", vmin=low, vmax=high
        )
        ax.figure.colorbar(image, ax=ax, label="mean weight")
        places = range(0, len(self.classes), -(-len(self.classes) // 20))
        ax.set_yticks(places, [short(self.classes[i]) for i in places], parse_math=False)
        ax.set_xlabel(f"channels of {chosen.name}, by mean weight", parse_math=False)
        ax.grid(False)
        return ax


def gate_weights(
    model: nn.Module,
    images: Tensor,
    labels: Tensor,
    *,
    classes: Sequence[str] = (),
    batch: int = 64,
) -> GateWeights:
    """Measure what each gate of `model` weighs, over images (N, ...) of the classes labels (N,).

    The model is left as it was. `classes` names the classes, else they are numbered. A gate of
    pairs of places, or of other axes, has no weight a channel: its mean weight stands as that of
    one channel.
    """
    found, seen = moments(model, images, labels, batch=batch)
    count = int(labels.max()) + 1
    names = tuple(classes) or tuple(map(str, range(count)))
    if len(names) < count:
        raise InputError(f"{len(names)} classes are named, and labels go to {count - 1}")
    rows = tuple(_row(gate, seen[gate.name], len(names)) for gate in found)
    return GateWeights(names, len(images), rows)


def _row(gate: Gate, seen: Moments, classes: int) -> ChannelWeights:
    def channels(weights: Tensor) -> NDArray[np.float64]:
        none = gate.kind in ("pairs", "other axes")
        mean = weights.flatten(1).mean(1, keepdim=True) if none else by_channel(weights)
        made: NDArray[np.float64] = mean.numpy()
        return made

    known = channels(seen.by_class)
    by_class = np.full((classes, known.shape[1]), np.nan)
    by_class[: len(known)] = known
    came = int((seen.count > 0).sum())
    return ChannelWeights(
        name=gate.name,
        kind=gate.kind,
        unit=gate.unit,
        mean=channels(seen.mean[None])[0],
        std=channels(seen.variance[None])[0] ** 0.5,
        by_class=by_class,
        between=shared_out(seen),
        chance=(came - 1) / max(seen.total - 1, 1),
    )
