"""stability(model, images, method): does a map stay where it is under noise nobody sees?"""

from dataclasses import asdict, dataclass

import torch
from torch import Tensor, nn

from plusx.analysis.aligned import aligned
from plusx.errors import InputError
from plusx.explain.answer import Target
from plusx.explain.attribution import Method, made_by
from plusx.explain.known import known, shown
from plusx.explain.randomised import rank_correlation

__all__ = ["Stability", "stability"]


@dataclass(frozen=True)
class Stability:
    """Rank correlation with the maps of the clean images, and the mean change of a map's value.

    Both are means over images and draws; maps go from 0 to 1. Empty maps have no order that could
    be kept: the correlation leaves them out, and is NaN where all of them are.
    """

    method: str
    noise: float
    draws: int
    correlation: float
    change: float

    def to_json(self) -> dict[str, object]:
        """Return the figures as plain JSON values."""
        return {**asdict(self), "correlation": known(self.correlation)}

    def table(self) -> str:
        """Say both figures."""
        lines = [
            (f"{self.method}, noise {self.noise:g}, {self.draws} draws", ""),
            ("rank correlation", shown(self.correlation, digits=3)),
            ("mean change of the map", f"{self.change:.3f}"),
        ]
        return "\n".join(aligned(lines))


def stability(
    model: nn.Module,
    images: Tensor,
    method: Method,
    target: Target = None,
    *,
    noise: float = 0.02,
    draws: int = 5,
    seed: int = 0,
) -> Stability:
    """Explain the same class of images with Gaussian noise of `noise` times their deviation.

    After Alvarez-Melis and Jaakkola 2018, "On the robustness of interpretability methods", with
    noise at random for the worst of a neighbourhood.
    """
    if noise < 0:
        raise InputError(f"noise is {noise:g}, expected 0 or more, in deviations of the images")
    if draws < 1:
        raise InputError(f"draws is {draws}, expected 1 or more")
    true = made_by(method, model, images, target)
    generator = torch.Generator().manual_seed(seed)
    size = noise * images.std((1, 2, 3), keepdim=True)
    correlations, changes = [], []
    for _ in range(draws):
        fresh = torch.randn(images.shape, generator=generator).to(images)
        maps = method(model, images + size * fresh, true.targets).maps
        correlations.append(rank_correlation(true.maps, maps))
        changes.append((maps - true.maps).abs().mean((1, 2)))
    correlation, change = (float(torch.cat(rows).nanmean()) for rows in (correlations, changes))
    return Stability(true.method, noise, draws, correlation, change)
