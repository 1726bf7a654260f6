"""sanity(model, images, method): do the maps change when the weights are made random?"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from plusx.analysis.aligned import aligned
from plusx.analysis.drawing import new_axes, profile, spread
from plusx.analysis.outline import outline
from plusx.edit import copy_of
from plusx.errors import InputError
from plusx.explain.answer import Target
from plusx.explain.attribution import Method, made_by
from plusx.explain.known import known, shown

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["SAME", "Sanity", "rank_correlation", "sanity"]

SAME = 0.35
"""Maps of a network without a single learned weight that agree more than this do not come of it.

Means of 5 draws over 16 images, for small networks trained on photos.zip (resnet20, 73%), Fashion-
MNIST (resnet8), CIFAR-10 (resnet14) and digits (resnet20): guided backpropagation, which the
literature says fails, 0.45, 0.42, 0.20, 0.38; Score-CAM 0.37, -0.14, -0.18, 0.04; of the other
methods the largest are Eigen-CAM 0.28, Layer-CAM 0.22, Grad-CAM++ 0.17, Grad-CAM 0.07, integrated
gradients 0.05, occlusion 0.04, HiResCAM 0.03. A detector of edges has 1. Single draws differ by
up to 0.7 from each other (Layer-CAM on Fashion-MNIST: -0.45 to 0.27), hence several of them.
"""
REST = "parameters outside its parts"


@dataclass(frozen=True)
class Sanity:
    """Mean rank correlation with the true maps, as parts become random from the head down.

    NaN where the true maps are empty: there is nothing that could change.
    """

    method: str
    parts: tuple[str, ...]
    correlations: tuple[float, ...]

    @property
    def passed(self) -> bool | None:
        """Whether the maps of the wholly random network are others: correlation below `SAME`.

        None where it cannot be told.

        Opposite maps are others, too: with random weights Layer-CAM's glow at the borders, where
        padding is, and agree by -0.48 with those of a network for CIFAR-10 that looks inside.
        """
        last = known(self.correlations[-1])
        return None if last is None else last < SAME

    @property
    def verdict(self) -> str:
        """What `passed` says, for a table."""
        return {True: "passes", False: "does not pass", None: "cannot be told"}[self.passed]

    def to_json(self) -> dict[str, object]:
        """Return the figures as plain JSON values."""
        values = [known(value) for value in self.correlations]
        return {**asdict(self), "correlations": values, "passed": self.passed}

    def table(self) -> str:
        """List the parts in the order in which they became random, with the verdict."""
        lines = [("random from here up", "rank correlation")]
        pairs = zip(self.parts, self.correlations)
        lines += [(part, shown(value, digits=3)) for part, value in pairs]
        title = (
            f"{self.method}: {self.verdict}, its maps are empty"
            if self.passed is None
            else f"{self.method} {self.verdict}: with random weights its maps agree {lines[-1][1]}"
        )
        return "\n".join([title, "", *aligned(lines)])

    def plot(self, ax: "Axes | None" = None) -> "Axes":
        """Draw the correlation, the head at the top."""
        ax = ax or new_axes()
        ax.axvline(SAME, linestyle=":", color="gray")
        profile(ax, self.correlations, names=self.parts, label=self.method, style="o-")
        ax.set_xlabel("rank correlation with the true maps")
        return ax


@torch.inference_mode(False)
def sanity(
    model: nn.Module,
    images: Tensor,
    method: Method,
    target: Target = None,
    *,
    steps: int | None = None,
    draws: int = 1,
    seed: int = 0,
) -> Sanity:
    """Make a copy's parts random, from the head to the stem, and compare the maps each time.

    Adebayo et al. 2018, "Sanity checks for saliency maps", section 3: the cascading randomisation.
    Each tensor is drawn anew with its own mean and deviation, so that signals keep their size: what
    has no deviation stays, a single number or a norm's untrained scale, and so do running
    statistics. The class stays that of the true network. Maps are compared after `steps` parts,
    evenly spread and the last one among them (all of them by default), and the correlations are
    means over `draws`, and over the images whose true map is not empty. The model itself is left as
    it is.
    """
    for name, count in (("steps", steps), ("draws", draws)):
        if count is not None and count < 1:
            raise InputError(f"{name} is {count}, expected 1 or more")
    true = made_by(method, model, images, target)
    generator = torch.Generator().manual_seed(seed)
    names: list[str] = []
    rows: list[list[float]] = []
    for _ in range(draws):
        drawn = copy_of(model)
        parts = _parts(drawn)
        seen = {len(parts) - 1 - at for at in spread(len(parts), steps or len(parts))}
        names, row = [], []
        for at, (name, part) in enumerate(parts):
            _draw(part, generator)
            if at in seen:
                names.append(name)
                maps = method(drawn, images, true.targets).maps
                row.append(float(rank_correlation(true.maps, maps).nanmean()))
        rows.append(row)
    means = torch.tensor(rows, dtype=torch.float64).mean(0).tolist()
    return Sanity(true.method, tuple(names), tuple(means))


def rank_correlation(one: Tensor, other: Tensor) -> Tensor:
    """Return Spearman's correlation of maps (B, H, W), image by image.

    Equal values share their mean rank, so that the empty half of a map does not count as an order.
    NaN where `one` is constant, for it has no order that could be kept; 0 where the `other` is.
    """
    a, b = (_ranks(maps.flatten(1).double()) for maps in (one, other))
    a, b = a - a.mean(1, keepdim=True), b - b.mean(1, keepdim=True)
    found: Tensor = (a * b).sum(1) / (a.norm(dim=1) * b.norm(dim=1)).clamp_min(1e-12)
    return found.masked_fill(one.amax((1, 2)) == one.amin((1, 2)), torch.nan)


def _ranks(rows: Tensor) -> Tensor:
    made = []
    for row in rows:
        _, place, count = row.unique(return_inverse=True, return_counts=True)
        last = count.cumsum(0)
        made.append((last - (count.double() - 1) / 2)[place])
    return torch.stack(made)


def _parts(model: nn.Module) -> list[tuple[str, list[nn.Parameter]]]:
    """Return the parameters from the head down, last those of no part, such as a class token."""
    parts = [(name, [*part.parameters()]) for name, part in outline(model)][::-1]
    inside = {parameter for _, of_part in parts for parameter in of_part}
    parts.append((REST, [each for each in model.parameters() if each not in inside]))
    found = [(name, of_part) for name, of_part in parts if of_part]
    if not found:
        raise InputError(
            "the network has no parameter that could be drawn at random, expected one with weights"
        )
    return found


def _draw(parameters: Sequence[nn.Parameter], generator: torch.Generator) -> None:
    with torch.no_grad():
        for parameter in parameters:
            fresh = torch.randn(parameter.shape, generator=generator).to(parameter)
            spread = parameter.std(correction=0)
            parameter.copy_(parameter.mean() + spread * fresh)
