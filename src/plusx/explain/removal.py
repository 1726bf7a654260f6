"""faithfulness(model, attribution): does the class go with the places that the map names?"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from plusx.analysis.aligned import aligned
from plusx.analysis.drawing import BLUE, ORANGE, new_axes
from plusx.errors import InputError
from plusx.explain.answer import logits_of, run_on
from plusx.explain.attribution import Attribution, onto
from plusx.explain.looking import still
from plusx.explain.probabilities import probabilities

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["Faithfulness", "faithfulness"]


@dataclass(frozen=True, eq=False)
class Faithfulness:
    """Probability of the class as places are taken away or put back, the strongest first.

    Curves are (B, steps + 1), an image a row. `deletion` and `insertion` are the means over images
    and steps: deletion is good when low, insertion when high. `chance` is the same two for maps of
    smoothed noise.
    """

    method: str
    deleted: Tensor
    inserted: Tensor
    chance_deleted: Tensor
    chance_inserted: Tensor

    @property
    def deletion(self) -> float:
        """The area under the curve of taking away."""
        return _area(self.deleted)

    @property
    def insertion(self) -> float:
        """The area under the curve of putting back."""
        return _area(self.inserted)

    @property
    def chance_deletion(self) -> float:
        """The deletion of noise."""
        return _area(self.chance_deleted)

    @property
    def chance_insertion(self) -> float:
        """The insertion of noise."""
        return _area(self.chance_inserted)

    @property
    def at_stake(self) -> float:
        """What can be lost or won: the probability on the whole image or the empty one, the larger.

        Differences of 0.005 are nothing for an answer of 99%, and half of one of 1%.
        """
        ends = torch.maximum(self.deleted[:, 0], self.deleted[:, -1])
        return float(ends.double().mean().clamp_min(torch.finfo(ends.dtype).tiny))

    @property
    def costs(self) -> float:
        """How much more than noise taking away costs, as a share of what is at stake."""
        return (self.chance_deletion - self.deletion) / self.at_stake

    @property
    def restores(self) -> float:
        """How much more than noise putting back restores, as a share of what is at stake."""
        return (self.insertion - self.chance_insertion) / self.at_stake

    @property
    def better_than_chance(self) -> bool:
        """Whether the map beats noise both ways."""
        return self.deletion < self.chance_deletion and self.insertion > self.chance_insertion

    def of(self, index: int) -> "Faithfulness":
        """Return that of one image."""
        curves = (self.deleted, self.inserted, self.chance_deleted, self.chance_inserted)
        return Faithfulness(self.method, *(curve[index : index + 1] for curve in curves))

    def to_json(self) -> dict[str, object]:
        """Return the areas and the mean curves as plain JSON values."""
        return {
            "method": self.method,
            "deletion": self.deletion,
            "insertion": self.insertion,
            "chance_deletion": self.chance_deletion,
            "chance_insertion": self.chance_insertion,
            "deletion_curve": self.deleted.mean(0).tolist(),
            "insertion_curve": self.inserted.mean(0).tolist(),
        }

    def table(self) -> str:
        """List deletion and insertion beside those of noise."""
        lines = [
            ("mean probability", self.method, "random places"),
            (
                "taken away (deletion, low is good)",
                f"{self.deletion:.3g}",
                f"{self.chance_deletion:.3g}",
            ),
            (
                "put back (insertion, high is good)",
                f"{self.insertion:.3g}",
                f"{self.chance_insertion:.3g}",
            ),
        ]
        return "\n".join(aligned(lines))

    def plot(self, ax: "Axes | None" = None) -> "Axes":
        """Draw both mean curves over the share of the image, those of noise dotted."""
        ax = ax or new_axes()
        share = torch.linspace(0, 100, self.deleted.shape[1]).tolist()
        for color, label, curve, chance in (
            (ORANGE, "taken away", self.deleted, self.chance_deleted),
            (BLUE, "put back", self.inserted, self.chance_inserted),
        ):
            ax.plot(share, curve.mean(0).tolist(), color=color, label=label)
            ax.plot(share, chance.mean(0).tolist(), ":", color=color, lw=1.6)
        ax.set(xlabel="% of the image, strongest first", ylabel="probability of the class")
        ax.set_ylim(0, None)
        return ax


def faithfulness(
    model: nn.Module,
    attribution: Attribution,
    *,
    steps: int = 20,
    blank: Tensor | None = None,
    seed: int = 0,
) -> Faithfulness:
    """Measure deletion and insertion of a map, and of noise as smooth as it.

    Petsiuk et al. 2018, "RISE", section 4.2. What is taken away becomes `blank`, images of the same
    shape; each image's mean colour by default (the paper's insertion begins with a blurred image).
    A map that is empty names no place: of that image the noise stands for it.
    """
    images = attribution.images
    if steps < 1:
        raise InputError(f"steps is {steps}, expected 1 or more")
    if blank is None:
        blank = images.mean((2, 3), keepdim=True).expand_as(images)
    if blank.shape != images.shape:
        raise InputError(f"blank is {tuple(blank.shape)}, expected {tuple(images.shape)}")
    generator = torch.Generator().manual_seed(seed)
    smallest = min(attribution.raw, key=lambda raw: raw[0].numel())
    grid = attribution.grid or (smallest.shape[1], smallest.shape[2])
    noise = torch.rand((len(images), *grid), generator=generator).to(images.device)
    chance = onto(noise, (images.shape[-2], images.shape[-1]))

    def curve(maps: Tensor, start: Tensor, end: Tensor) -> Tensor:
        return _curve(model, start, end, maps, attribution.targets, steps)

    maps = attribution.maps
    maps = maps.where(maps.amax((1, 2), keepdim=True) > 0, chance)
    return Faithfulness(
        method=attribution.method,
        deleted=curve(maps, images, blank),
        inserted=curve(maps, blank, images),
        chance_deleted=curve(chance, images, blank),
        chance_inserted=curve(chance, blank, images),
    )


def _curve(
    model: nn.Module, start: Tensor, end: Tensor, maps: Tensor, targets: Tensor, steps: int
) -> Tensor:
    """Return the probabilities (B, steps + 1) as `start` becomes `end`, strongest places first."""
    rank = maps.flatten(1).argsort(dim=1, descending=True, stable=True).argsort(1).view_as(maps)
    found = []
    with still(model), torch.no_grad():
        for step in range(steps + 1):
            changed = (rank < step / steps * maps[0].numel())[:, None]
            logits = logits_of(run_on(model, end.where(changed, start)), len(start))
            found.append(probabilities(logits).gather(1, targets[:, None])[:, 0])
    return torch.stack(found, 1).cpu()


def _area(curves: Tensor) -> float:
    """Return the mean area under curves, by trapezoids."""
    mean = curves.double().mean(0)
    return float(mean.sum() - (mean[0] + mean[-1]) / 2) / (len(mean) - 1)
