"""faithfulness(model, attribution): does the class go with the places that the map names?"""

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from plusx.analysis.aligned import aligned
from plusx.analysis.drawing import BLUE, ORANGE, new_axes
from plusx.errors import InputError
from plusx.explain.attribution import Attribution, onto
from plusx.explain.looking import logits_of, still

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["Faithfulness", "faithfulness"]


@dataclass(frozen=True)
class Faithfulness:
    """Probability of the class as places are taken away or put back, the strongest first.

    `deletion` and `insertion` are the means over images and steps of the two curves: deletion is
    good when low, insertion when high. `chance` is the same two for maps of smoothed noise.
    """

    method: str
    deletion: float
    insertion: float
    chance_deletion: float
    chance_insertion: float
    deletion_curve: tuple[float, ...]
    insertion_curve: tuple[float, ...]

    @property
    def better_than_chance(self) -> bool:
        """Whether the map beats noise both ways."""
        return self.deletion < self.chance_deletion and self.insertion > self.chance_insertion

    def to_json(self) -> dict[str, object]:
        """Return the figures as plain JSON values."""
        return asdict(self)

    def table(self) -> str:
        """List deletion and insertion beside those of noise."""
        lines = [
            ("mean probability", self.method, "noise"),
            ("deletion (low is good)", f"{self.deletion:.3f}", f"{self.chance_deletion:.3f}"),
            ("insertion (high is good)", f"{self.insertion:.3f}", f"{self.chance_insertion:.3f}"),
        ]
        return "\n".join(aligned(lines))

    def plot(self, ax: "Axes | None" = None) -> "Axes":
        """Draw both curves over the share of the image."""
        ax = ax or new_axes()
        share = torch.linspace(0, 100, len(self.deletion_curve)).tolist()
        ax.plot(share, self.deletion_curve, color=ORANGE, label="taken away")
        ax.plot(share, self.insertion_curve, color=BLUE, label="put back")
        ax.set(xlabel="% of the image, strongest first", ylabel="probability of the class")
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
    noise = torch.rand(smallest.shape, generator=generator).to(images.device)
    chance = onto(noise, (images.shape[-2], images.shape[-1]))

    def curve(maps: Tensor, start: Tensor, end: Tensor) -> list[float]:
        return _curve(model, start, end, maps, attribution.targets, steps)

    maps = attribution.maps
    deletion, insertion = curve(maps, images, blank), curve(maps, blank, images)
    return Faithfulness(
        method=attribution.method,
        deletion=_mean(deletion),
        insertion=_mean(insertion),
        chance_deletion=_mean(curve(chance, images, blank)),
        chance_insertion=_mean(curve(chance, blank, images)),
        deletion_curve=tuple(deletion),
        insertion_curve=tuple(insertion),
    )


def _curve(
    model: nn.Module, start: Tensor, end: Tensor, maps: Tensor, targets: Tensor, steps: int
) -> list[float]:
    """Return the mean probability as `start` becomes `end`, the strongest places first."""
    rank = maps.flatten(1).argsort(dim=1, descending=True, stable=True).argsort(1).view_as(maps)
    found = []
    with still(model), torch.no_grad():
        for step in range(steps + 1):
            changed = (rank < step / steps * maps[0].numel())[:, None]
            logits = logits_of(model(end.where(changed, start)), len(start))
            found.append(float(logits.softmax(1).gather(1, targets[:, None]).mean()))
    return found


def _mean(curve: list[float]) -> float:
    """Return the area under the curve, by trapezoids."""
    return (sum(curve) - (curve[0] + curve[-1]) / 2) / (len(curve) - 1)
