"""Where does each gate look?"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from plusx.analysis.aligned import aligned
from plusx.analysis.drawing import new_axes, wide_enough
from plusx.analysis.gate_layout import by_place
from plusx.analysis.gated_pass import seeing
from plusx.analysis.gates import among, found_gates
from plusx.errors import InputError

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["GateMaps", "gate_maps"]


@dataclass(frozen=True, eq=False)
class GateMaps:
    """Maps of weights over places, by the name of the gate: (N, H, W), in the gate's own size.

    `size` is that of the images. Gates with a weight a channel only have no map.
    """

    size: tuple[int, int]
    maps: dict[str, Tensor]
    units: dict[str, str]

    def over_image(self, name: str) -> Tensor:
        """Return the maps of one gate in the size of the images, bilinear: (N, H, W)."""
        if name not in self.maps:
            hint = among(name, list(self.maps))
            raise InputError(f"the network has no gate of places {name!r}{hint}")
        return _resized(self.maps[name], self.size)

    def correlations(self, name: str, others: Tensor) -> NDArray[np.float64]:
        """Correlate the maps of a gate with others (N, h, w), image by image: Pearson's r, (N,).

        Such as those of Grad-CAM at the same unit. Both are compared in the size of the images; NaN
        where one of the two is the same everywhere.
        """
        ours = self.over_image(name)
        if others.dim() != 3 or len(others) != len(ours):
            raise InputError(
                f"the other maps are {tuple(others.shape)}, expected ({len(ours)}, height, width)"
            )
        pair = [m.double().flatten(1) for m in (ours, _resized(others.detach().cpu(), self.size))]
        apart = [m - m.mean(1, keepdim=True) for m in pair]
        # rounding leaves something of a constant map
        size = [torch.where(a.norm(dim=1) > 1e-6 * m.norm(dim=1), a.norm(dim=1), torch.nan)
                for a, m in zip(apart, pair, strict=True)]  # fmt: skip
        r: NDArray[np.float64] = ((apart[0] * apart[1]).sum(1) / (size[0] * size[1])).numpy()
        return r

    def to_json(self) -> dict[str, Any]:
        """Return the maps as plain JSON values."""
        return {
            "size": list(self.size),
            "units": self.units,
            "maps": {name: made.tolist() for name, made in self.maps.items()},
        }

    def table(self) -> str:
        """List the gates: size of the map, contrast within an image, variation between images."""
        lines = [("gate", "map", "mean", "std over places", "std over images")]
        lines += [
            (
                name,
                "x".join(map(str, made.shape[1:])),
                f"{made.mean():.3g}",
                f"{made.flatten(1).std(1, correction=0).mean():.3g}",
                f"{made.std(0, correction=0).mean():.3g}",
            )
            for name, made in self.maps.items()
        ]
        return "\n".join(aligned(lines))

    def plot(self, ax: "Axes | None" = None, *, gate: str | None = None, image: int = 0) -> "Axes":
        """Draw the map of one gate over one image, of the last gate if none is named."""
        if not self.maps:
            raise InputError("no gate of the network has a map, expected one that weighs places")
        ax = ax or new_axes()
        name = list(self.maps)[-1] if gate is None else gate
        made = self.over_image(name)[image].numpy()
        low, high = wide_enough(made)
        drawn = ax.imshow(made, interpolation="nearest", vmin=low, vmax=high)
        ax.figure.colorbar(drawn, ax=ax, label="weight")
        ax.set_title(name, parse_math=False)
        ax.set_axis_off()
        return ax


def gate_maps(model: nn.Module, images: Tensor, *, batch: int = 64) -> GateMaps:
    """Show what the gates of `model` weigh, place by place, for each of images (N, C, H, W).

    The mean over channels where they differ; of a gate of pairs how much a place is heard, the mean
    over those who hear it; a gate of other axes has no map. The model is left as it was.
    """
    if images.dim() != 4:
        raise InputError(f"images are {tuple(images.shape)}, expected (N, channels, height, width)")
    height, width = images.shape[2:]
    maps: dict[str, list[Tensor]] = {}
    with seeing(model) as passes, torch.no_grad():
        found = found_gates(passes, images)
        units = {gate.name: gate.unit for gate in found if gate.kind != "other axes"}
        for x in images.split(batch):
            seen = passes(x)
            for name in units:
                made = by_place(seen.weights[name], seen.summed[name], height / width)
                if made is not None:
                    maps.setdefault(name, []).append(made.float().cpu())
    return GateMaps(
        (height, width),
        {name: torch.cat(parts) for name, parts in maps.items()},
        {name: units[name] for name in maps},
    )


def _resized(maps: Tensor, size: tuple[int, int]) -> Tensor:
    return F.interpolate(maps.float()[:, None], size, mode="bilinear", align_corners=False)[:, 0]
