"""extremes(model, images, at): which images a channel answers to most, and which least."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from plusx.analysis.aligned import aligned
from plusx.errors import InputError
from plusx.explain.attribution import picture
from plusx.explain.channels import At, channel_means
from plusx.explain.looking import still

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["Extremes", "extremes"]

CHUNK = 32
"""Images that are run at once."""


@dataclass(frozen=True, eq=False)
class Extremes:
    """What each channel says to each image, (images, channels): its mean over the places."""

    at: tuple[At, ...]
    images: Tensor
    names: tuple[str, ...]
    values: Tensor

    def strongest(self, which: int, count: int) -> list[int]:
        """Return the images that the channel answers to most, the first most."""
        order = self.values[:, which].argsort(descending=True, stable=True)
        return [int(place) for place in order[:count]]

    def weakest(self, which: int, count: int) -> list[int]:
        """Return the images that the channel answers to least, the first least."""
        order = self.values[:, which].argsort(stable=True)
        return [int(place) for place in order[:count]]

    def to_json(self) -> dict[str, object]:
        """Return channels, names and values as plain JSON values."""
        return {
            "at": [list(each) for each in self.at],
            "names": list(self.names),
            "values": self.values.tolist(),
        }

    def table(self, *, count: int = 3) -> str:
        """List the strongest and the weakest images of each channel."""
        lines = [("layer", "channel", "strongest", "weakest")]
        for which, (layer, channel) in enumerate(self.at):
            ends = (self.strongest(which, count), self.weakest(which, count))
            most, least = (", ".join(self.names[place] for place in end) for end in ends)
            lines.append((layer, str(channel), most, least))
        return "\n".join(aligned(lines, words=4))

    def plot(self, which: int = 0, *, count: int = 4) -> "list[Axes]":
        """Draw the strongest images of a channel above the weakest."""
        from matplotlib import pyplot

        count = min(count, len(self.images))
        sheet = pyplot.figure(layout="constrained", figsize=(1.8 * count, 4))
        made = []
        for row, end in enumerate((self.strongest(which, count), self.weakest(which, count))):
            for column, place in enumerate(end):
                ax = sheet.add_subplot(2, count, row * count + column + 1)
                picture(ax, self.images[place])
                ax.set_title(f"{float(self.values[place, which]):.3g}", size="small")
                made.append(ax)
        layer, channel = self.at[which]
        sheet.suptitle(f"{layer}, channel {channel}: strongest above, weakest below", size="small")
        return made


def extremes(
    model: nn.Module, images: Tensor, at: Sequence[At], *, names: Sequence[str] | None = None
) -> Extremes:
    """Run `images` (N, C, H, W), normalised, and note what the channels of `at` say to each.

    The examples from a data set of Olah et al. 2017, "Feature visualization". Leaves no trace.
    """
    if not len(images) or not at:
        raise InputError("there are no images or no channels, expected at least one of each")
    named = tuple(names) if names else tuple(str(number) for number in range(len(images)))
    if len(named) != len(images):
        raise InputError(f"there are {len(named)} names for {len(images)} images")
    with still(model), torch.no_grad():
        rows = [channel_means(model, part, at) for part in images.split(CHUNK)]
    return Extremes(tuple(at), images.cpu(), named, torch.cat(rows).cpu())
