"""filters(model): what the first convolution looks for, as pictures."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from plusx.analysis.drawing import new_axes
from plusx.errors import InputError
from plusx.explain.channels import known_layers

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["Filters", "filters"]


@dataclass(frozen=True, eq=False)
class Filters:
    """The weights (N, C, h, w) of a convolution on the image itself."""

    layer: str
    weights: Tensor

    @property
    def pictures(self) -> Tensor:
        """The filters between 0 and 1, each in its own scale; a weight of 0 is the middle, 0.5."""
        most = self.weights.abs().amax((1, 2, 3), keepdim=True).clamp_min(1e-12)
        return 0.5 + self.weights / (2 * most)

    def mosaic(self, *, columns: int = 8) -> Tensor:
        """Return all filters side by side, (C, H, W), with a line of white between them."""
        count, channels, height, width = self.weights.shape
        rows = -(-count // columns)
        sheet = torch.ones(channels, rows * (height + 1) - 1, columns * (width + 1) - 1)
        for number, one in enumerate(self.pictures):
            top, left = (number // columns) * (height + 1), (number % columns) * (width + 1)
            sheet[:, top : top + height, left : left + width] = one
        return sheet

    def to_json(self) -> dict[str, object]:
        """Return layer and weights as plain JSON values."""
        return {"layer": self.layer, "weights": self.weights.tolist()}

    def table(self) -> str:
        """Say where the filters are, and how many of which size."""
        count, channels, height, width = self.weights.shape
        return f"{self.layer}: {count} filters of {height}x{width} over {channels} channel(s)"

    def plot(self, ax: "Axes | None" = None) -> "Axes":
        """Draw the mosaic."""
        ax = ax or new_axes()
        sheet = self.mosaic()
        if len(sheet) == 3:
            ax.imshow(sheet.permute(1, 2, 0).numpy())
        else:
            ax.imshow(sheet[0].numpy(), cmap="gray", vmin=0, vmax=1)
        ax.set_axis_off()
        ax.set_title(self.table(), size="small")
        return ax


def filters(model: nn.Module, *, layer: str | None = None) -> Filters:
    """Take the weights of the first convolution over 1 or 3 channels, or of that at `layer`.

    >>> from plusx import create
    >>> found = filters(create("resnet8", num_classes=2))
    >>> found.layer, tuple(found.mosaic().shape)
    ('stem.conv', (3, 7, 31))
    """
    modules = dict(model.named_modules()) if layer is None else known_layers(model, [layer])
    for name, module in modules.items():
        if isinstance(module, nn.Conv2d) and module.in_channels in (1, 3):
            return Filters(name, module.weight.detach().float().cpu().clone())
    where = layer or "the network"
    raise InputError(f"{where} has no convolution over 1 or 3 channels: no filters to look at")
