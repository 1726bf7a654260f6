"""Does a gate answer to how much there is to see in an image?"""

import io
import math
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from plusx.analysis.aligned import aligned
from plusx.analysis.drawing import BLUE, every_row, new_axes
from plusx.analysis.gate_moments import moments_in
from plusx.analysis.gated_pass import seeing
from plusx.errors import InputError

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["Correlation", "GateComplexity", "complexity", "gate_complexity", "rank_correlation"]


@dataclass(frozen=True)
class Correlation:
    """Rank correlation, over images, of what a gate does with a measure of the image.

    `does` is one of "strength" (the mean weight), "spread" (the standard deviation of the weights
    within an image) and "distance" (root mean square, from the mean gate). `r` and its 95% interval
    are NaN where one of the two is the same for all images.
    """

    gate: str
    does: str
    measure: str
    r: float
    low: float
    high: float


@dataclass(frozen=True)
class GateComplexity:
    """Every gate, in the order of execution, against every measure of complexity."""

    count: int
    rows: tuple[Correlation, ...]

    def to_json(self) -> dict[str, Any]:
        """Return the figures as plain JSON values; null for what is undefined."""
        rows = [asdict(row) for row in self.rows]
        for row in rows:
            row |= {key: None for key in ("r", "low", "high") if math.isnan(row[key])}
        return {"count": self.count, "rows": rows}

    def table(self) -> str:
        """List the correlations with their intervals; those that exclude 0 are marked."""
        lines = [("gate", "does", "complexity", "r", "95% interval", "")]
        for row in self.rows:
            sure = "*" if row.low > 0 or row.high < 0 else ""
            words = ("-", "-") if math.isnan(row.r) else (
                f"{row.r:.2f}", f"{row.low:.2f} to {row.high:.2f}"
            )  # fmt: skip
            lines.append((row.gate, row.does, row.measure, *words, sure))
        marked = f"* excludes 0; of {len(self.rows)} intervals one in twenty does by chance alone"
        title = f"Rank correlations over {self.count:,} images"
        return "\n".join([title, "", *aligned(lines, words=3), "", marked])

    def plot(self, ax: "Axes | None" = None, *, does: str = "distance") -> "Axes":
        """Draw the correlations and intervals of one thing that gates do."""
        rows = [row for row in self.rows if row.does == does]
        if not rows:
            raise InputError(f"gates do no {does!r}; expected strength, spread or distance")
        ax = ax or new_axes()
        for place, row in enumerate(rows):
            ax.plot([row.low, row.high], [place, place], color=BLUE)
        ax.plot([row.r for row in rows], range(len(rows)), "o", color=BLUE)
        ax.axvline(0, color="gray", linestyle=":")
        one = len({row.measure for row in rows}) == 1
        every_row(ax, [row.gate if one else f"{row.gate}: {row.measure}" for row in rows])
        ax.set(xlim=(-1, 1), xticks=(-1, -0.5, 0, 0.5, 1))
        ax.set_xlabel(f"rank correlation with {does}")
        return ax


def gate_complexity(model: nn.Module, images: Tensor, *, batch: int = 64) -> GateComplexity:
    """Correlate what every gate of `model` does with the complexity of images (N, C, H, W).

    At least 10 images, or no interval means anything. The model is left as it was.
    """
    if len(images) < 10:
        raise InputError(f"{len(images)} images are given, expected 10 or more for correlations")
    measures = complexity(images)
    labels = torch.zeros(len(images), dtype=torch.long)
    done: dict[tuple[str, str], list[Tensor]] = {}
    rounding: dict[str, float] = {}
    with seeing(model) as passes, torch.no_grad():
        found, seen = moments_in(passes, images, labels, batch=batch)
        for x in images.split(batch):
            for name, weights in passes(x).weights.items():
                flat = weights.double().cpu().flatten(1)
                rounding[name] = max(rounding.get(name, 0.0), _rounding(weights, flat))
                apart = flat - seen[name].mean.flatten()
                for does, value in (
                    ("strength", flat.mean(1)),
                    ("spread", flat.std(1, correction=0)),
                    ("distance", apart.square().mean(1).sqrt()),
                ):
                    done.setdefault((name, does), []).append(value)
    rows = [
        Correlation(
            gate.name,
            does,
            measure,
            *rank_correlation(torch.cat(values).numpy(), against, least=rounding[gate.name]),
        )
        for gate in found
        for (name, does), values in done.items()
        if name == gate.name
        for measure, against in measures.items()
    ]
    return GateComplexity(len(images), tuple(rows))


def _rounding(weights: Tensor, flat: Tensor) -> float:
    """Return how far the mean of weights can differ that are the same but for their rounding.

    Rows of a softmax have the same mean for every image; ranks of what is left are no answer.
    """
    eps, single = (torch.finfo(kind).eps for kind in (weights.dtype, torch.float32))
    return float(flat.abs().mean(1).max()) * (16 * single + 4 * eps / math.sqrt(flat.shape[1]))


def complexity(images: Tensor) -> dict[str, NDArray[np.float64]]:
    """Measure how much there is to see in each of images (N, C, H, W): three times (N,).

    All are brought to 0..255 by the least and the greatest value of the whole set, and are grey
    (the mean of their channels). "edges": the share of places whose Sobel gradient is above an
    eighth of that of an upright edge from black to white; "entropy": of the histogram of 256 greys,
    in bits; "size": bytes as PNG, over the pixels.
    """
    if images.dim() != 4 or min(images.shape) < 1:
        raise InputError(f"images are {tuple(images.shape)}, expected (N, channels, height, width)")
    low, high = images.min(), images.max()
    scaled = (images.detach().float().cpu() - low) / (high - low).clamp(min=1e-12)
    grey = (255 * scaled.mean(1)).round().to(torch.uint8)
    return {
        "edges": _edges(grey).numpy(),
        "entropy": np.array([_entropy(image) for image in grey.numpy()]),
        "size": np.array([_size(image) for image in grey.numpy()]),
    }


def _edges(grey: Tensor) -> Tensor:
    sobel = torch.tensor([[-1.0, 0, 1], [-2, 0, 2], [-1, 0, 1]], dtype=torch.float64)
    kernels = torch.stack([sobel, sobel.T])[:, None]
    padded = F.pad(grey[:, None].double(), (1, 1, 1, 1), mode="replicate")
    strength = F.conv2d(padded, kernels).norm(dim=1)
    share: Tensor = (strength > 4 * 255 / 8).double().mean(dim=(1, 2))
    return share


def _entropy(grey: NDArray[np.uint8]) -> float:
    share = np.bincount(grey.ravel()) / grey.size
    share = share[share > 0]
    return float(-(share * np.log2(share)).sum())


def _size(grey: NDArray[np.uint8]) -> float:
    from PIL import Image

    file = io.BytesIO()
    Image.fromarray(grey).save(file, format="PNG", optimize=True)
    return len(file.getvalue()) / grey.size


def rank_correlation(
    one: NDArray[np.float64], other: NDArray[np.float64], *, least: float = 0.0
) -> tuple[float, float, float]:
    """Return Spearman's r with its 95% interval, by Fisher's z; NaN where one of them is flat.

    `one` is flat, too, where it does not range over more than `least`.

    The variance of z is (1 + r^2 / 2) / (n - 3): Bonett and Wright 2000, "Sample size requirements
    for estimating Pearson, Kendall and Spearman correlations". At 1 z is infinite: there the
    interval is that of the largest r below 1, 1 - 12 / (n^3 - n), and ends at 1.
    """
    from scipy.stats import rankdata

    if np.ptp(one) <= max(least, 1e-9 * np.abs(one).max()) or np.ptp(other) <= 1e-9:
        return math.nan, math.nan, math.nan
    r = float(np.corrcoef(rankdata(one), rankdata(other))[0, 1])
    if len(one) <= 3:
        return r, -1.0, 1.0  # of three pairs the interval is everything
    most = 1 - 12 / (len(one) ** 3 - len(one))
    near = min(max(r, -most), most)
    half = 1.96 * math.sqrt((1 + near * near / 2) / (len(one) - 3))
    low, high = (math.tanh(math.atanh(near) + sign * half) for sign in (-1, 1))
    return r, min(r, low), max(r, high)
