"""Do gates of places look where the answer comes from? Their maps beside Grad-CAM."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from plusx.analysis.gate_maps import GateMaps, gate_maps
from plusx.errors import InputError
from plusx.explain.cams import grad_cam

__all__ = ["Beside", "beside_grad_cam"]


@dataclass(frozen=True, eq=False)
class Beside:
    """The maps of one gate beside Grad-CAM of its unit, for the class that the network says.

    `maps` are weights and `cams` from 0 to 1, (E, H, W), in the size of the images; `cams` is None
    where the unit has no map. `shown` is Pearson's r of the two, (E,), `r` that of every image
    compared; NaN where a map is flat.
    """

    gate: str
    unit: str
    maps: Tensor
    cams: Tensor | None
    shown: NDArray[np.float64]
    r: NDArray[np.float64]

    @property
    def mean(self) -> float:
        """The mean of r over the images where it is defined; NaN without any."""
        known = self.r[np.isfinite(self.r)]
        return float(known.mean()) if len(known) else math.nan

    @property
    def interval(self) -> tuple[float, float]:
        """The 95% interval of the mean, by Student's t; NaN for fewer than two."""
        from scipy.stats import t

        known = self.r[np.isfinite(self.r)]
        if len(known) < 2:
            return math.nan, math.nan
        error = float(known.std(ddof=1)) / math.sqrt(len(known))
        half = float(t.ppf(0.975, len(known) - 1)) * error
        return self.mean - half, self.mean + half

    def to_json(self) -> dict[str, Any]:
        """Return the figures as plain JSON values, without maps; null for what is undefined."""
        mean, (low, high) = self.mean, self.interval
        return {
            "gate": self.gate,
            "unit": self.unit,
            "r": None if math.isnan(mean) else mean,
            "interval": None if math.isnan(low) else [low, high],
            "images": int(np.isfinite(self.r).sum()),
        }


def beside_grad_cam(
    model: nn.Module, images: Tensor, examples: Tensor, batch: int
) -> tuple[Beside, ...]:
    """Compare the maps of every gate that has some with Grad-CAM of its unit."""
    found, kept = gate_maps(model, images, batch=batch), gate_maps(model, examples, batch=batch)
    rows = []
    for name, unit in found.units.items():
        every = _cams(model, images, unit, batch)
        cams = _cams(model, examples, unit, batch)
        shown, r = _agree(kept, name, cams), _agree(found, name, every)
        rows.append(Beside(name, unit, kept.over_image(name), cams, shown, r))
    return tuple(rows)


def _agree(maps: GateMaps, name: str, cams: Tensor | None) -> NDArray[np.float64]:
    if cams is None:
        return np.full(len(maps.maps[name]), np.nan)
    return maps.correlations(name, cams)


def _cams(model: nn.Module, images: Tensor, unit: str, batch: int) -> Tensor | None:
    """Return Grad-CAM of a unit, (N, H, W), or None where it has no address or no map."""
    if not unit:
        return None
    try:
        return torch.cat([grad_cam(model, x, unit=unit).maps for x in images.split(batch)]).cpu()
    except InputError:
        return None
