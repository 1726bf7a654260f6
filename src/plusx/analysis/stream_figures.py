"""What each stream adds to the answer, and the gradient it gets: figures, tables, a picture."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from torch import Tensor

from plusx.analysis.aligned import aligned
from plusx.analysis.drawing import BLUE, ORANGE, new_axes, short, spread

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["StreamFigures", "Streams"]

MOST_BARS = 20


@dataclass(frozen=True)
class StreamFigures:
    """One stream. Accuracies are shares of the images.

    `logit` is the mean of what it alone gives the true class, over the mean of its logits; `share`
    is its part in the sum of all streams' absolute such values, `by_class` the same over the images
    of a class (None where there are none). `alone` and `silenced` are the accuracy of the stream
    alone and of all others without it. `gradient` is the norm of the gradient of all its
    parameters in one training pass, `at_stem` that of its stem's; None where none of them learns,
    and of one image.
    """

    name: str
    params: int
    logit: float
    share: float
    by_class: tuple[float | None, ...]
    alone: float
    silenced: float
    gradient: float | None
    at_stem: float | None


@dataclass(frozen=True, eq=False)
class Streams:
    """All streams of a network, on `images` images; `accuracy` is that of all together.

    `added` tells whether the streams are added as logits. `difference` is the largest
    |together - sum of alone| over all logits: 0.0 where they are. `together` and each of `alone`
    are logits, (B, num_classes), on the CPU.
    """

    images: int
    classes: tuple[str, ...]
    accuracy: float
    added: bool
    difference: float
    streams: tuple[StreamFigures, ...]
    together: Tensor
    alone: tuple[Tensor, ...]

    def to_json(self) -> dict[str, object]:
        """Return the figures, without the logits of every image, as plain JSON values."""
        return {
            "images": self.images,
            "classes": list(self.classes),
            "accuracy": self.accuracy,
            "added": self.added,
            "difference": self.difference,
            "streams": [
                {**vars(stream), "by_class": list(stream.by_class)} for stream in self.streams
            ],
        }

    def cells(self) -> list[tuple[str, ...]]:
        """Return the streams as words: a head, a line a stream."""
        head = ("stream", "alone", "silenced", "share", "logit", "gradient", "at stem", "params")
        lines = [
            (
                s.name,
                f"{s.alone:.1%}",
                f"{s.silenced:.1%}",
                f"{s.share:.1%}",
                f"{s.logit:+.3g}",
                *("-" if g is None else f"{g:.3g}" for g in (s.gradient, s.at_stem)),
                f"{s.params:,}",
            )
            for s in self.streams
        ]
        return [head, *lines]

    def class_cells(self) -> list[tuple[str, ...]]:
        """Return each stream's share by class as words: a head, a line a class."""
        rows = zip(*(s.by_class for s in self.streams), strict=True)
        lines = [
            (name, *("-" if share is None else f"{share:.1%}" for share in row))
            for name, row in zip(self.classes, rows, strict=True)
        ]
        return [("class", *(s.name for s in self.streams)), *lines]

    def table(self) -> str:
        """List the streams, then their shares by class."""
        title = (
            f"{self.images} images, accuracy {self.accuracy:.1%}; all logits less the sum of the "
            f"streams' alone: at most {self.difference:.3g}"
        )
        return "\n".join([title, "", *aligned(self.cells()), "", *aligned(self.class_cells())])

    def plot(self, ax: "Axes | None" = None) -> "Axes":
        """Draw the streams' shares by class as bars, one behind the other."""
        ax = ax or new_axes()
        seen = [c for c in range(len(self.classes)) if self.streams[0].by_class[c] is not None]
        chosen = [seen[place] for place in spread(len(seen), MOST_BARS)]
        done = [0.0] * len(chosen)
        for number, stream in enumerate(self.streams):
            widths = [100 * (stream.by_class[c] or 0.0) for c in chosen]
            color = (BLUE, ORANGE)[number] if number < 2 else None
            ax.barh(range(len(chosen)), widths, left=done, color=color, label=stream.name)
            done = [a + b for a, b in zip(done, widths, strict=True)]
        ax.set_yticks(
            range(len(chosen)), [short(self.classes[c], 16) for c in chosen], parse_math=False
        )
        ax.invert_yaxis()
        ax.set(xlim=(0, 100), xlabel="share of the answer, %")
        return ax
