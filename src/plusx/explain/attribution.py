"""Attribution: which places of each image a method holds responsible for a class."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from plusx.analysis.aligned import aligned
from plusx.analysis.drawing import new_axes
from plusx.errors import InputError
from plusx.explain.address import spoken
from plusx.explain.answer import Target

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["Attribution", "Method", "checked", "made_by", "onto", "picture", "unit_range"]


@dataclass(frozen=True, eq=False)
class Attribution:
    """Maps (B, H, W) over the images, from 0 to 1, and the signed maps they come from.

    `raw` holds a map (B, h, w) for each of `layers`, before negative values were cut off: of a map
    that is negative everywhere nothing is left, and `maps` is zero.
    """

    method: str
    layers: tuple[str, ...]
    targets: Tensor
    scores: Tensor
    """The logit of the target, image by image."""
    images: Tensor
    raw: tuple[Tensor, ...]
    grid: tuple[int, int] | None = None
    """How many places were told apart, down and across, where `raw` has more."""

    @property
    def each(self) -> Tensor:
        """The maps layer by layer, (layers, B, H, W), each from 0 to 1."""
        size = self.images.shape[-2], self.images.shape[-1]
        return torch.stack([onto(unit_range(raw.relu()), size) for raw in self.raw])

    @property
    def maps(self) -> Tensor:
        """The mean over the layers, (B, H, W), stretched to 0 to 1."""
        return unit_range(self.each.mean(0))

    def half(self, index: int) -> float:
        """Return the share of an image that holds half of its map; 0 of an empty map."""
        order = self.maps[index].flatten().sort(descending=True).values.double().cumsum(0)
        if not bool(order[-1]):
            return 0.0
        return (int((order < order[-1] / 2).sum()) + 1) / len(order)

    def to_json(self) -> dict[str, object]:
        """Return method, layers, targets, scores and signed maps as plain JSON values."""
        return {
            "method": self.method,
            "layers": list(self.layers),
            "targets": self.targets.tolist(),
            "scores": self.scores.tolist(),
            "raw": [raw.tolist() for raw in self.raw],
        }

    def table(self) -> str:
        """List the images: class, logit, and where the map is strongest, from the upper left."""
        lines = [("image", "class", "logit", "strongest at", "half of it on")]
        for index, one in enumerate(self.maps):
            row, column = divmod(int(one.argmax()), one.shape[1])
            place = f"{row}, {column}" if bool(one.any()) else "-"
            target, score = int(self.targets[index]), float(self.scores[index])
            lines.append(
                (str(index), str(target), f"{score:.4g}", place, f"{self.half(index):.1%}")
            )
        return "\n".join(
            [f"{self.method} at {', '.join(map(spoken, self.layers))}", "", *aligned(lines)]
        )

    def plot(self, ax: "Axes | None" = None, *, index: int = 0) -> "Axes":
        """Draw one image with its map over it."""
        ax = ax or new_axes()
        picture(ax, self.images[index])
        ax.imshow(self.maps[index].cpu().numpy(), cmap="inferno", vmin=0, vmax=1, alpha=0.55)
        ax.set_title(f"{self.method}: class {int(self.targets[index])}", size="medium")
        return ax


class Method(Protocol):
    """What makes an attribution, with its own settings fixed (`functools.partial`)."""

    def __call__(self, model: nn.Module, images: Tensor, target: Target = None, /) -> Attribution:
        """Explain `target` of `images`."""


def made_by(method: Method, model: nn.Module, images: Tensor, target: Target = None) -> Attribution:
    """Call a method; refuse what is none, such as its name."""
    if not callable(method):
        raise InputError(
            f"method is {method!r}, expected a function, as in method=plusx.explain.grad_cam; "
            "names are for the command line"
        )
    return method(model, images, target)


def unit_range(maps: Tensor) -> Tensor:
    """Stretch each map (B, H, W) to 0 to 1; a constant one becomes 0. As pytorch-grad-cam does."""
    low, high = maps.amin((1, 2), keepdim=True), maps.amax((1, 2), keepdim=True)
    return (maps - low) / (high - low).clamp_min(torch.finfo(maps.dtype).tiny)


def onto(maps: Tensor, size: tuple[int, int]) -> Tensor:
    """Bring maps (B, h, w) to the size of the image, bilinearly."""
    return F.interpolate(maps[:, None], size=size, mode="bilinear", align_corners=False)[:, 0]


def picture(ax: "Axes", image: Tensor) -> None:
    """Draw an image (C, H, W), however it was normalised: from its darkest to its brightest."""
    x = image.detach().float().cpu()
    x = (x - x.amin()) / (x.amax() - x.amin()).clamp_min(1e-12)
    if len(x) == 3:
        ax.imshow(x.permute(1, 2, 0).numpy())
    else:
        ax.imshow(x.mean(0).numpy(), cmap="gray", vmin=0, vmax=1)
    ax.set_axis_off()


def checked(raw: Tensor, name: str) -> Tensor:
    """Return the map, or refuse one that is not finite."""
    if not bool(raw.isfinite().all()):
        raise InputError(f"the map at {name} is not finite; look at the network: plusx doctor")
    return raw
