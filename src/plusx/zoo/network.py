"""What the families share: a network of stem, stages and head, and what is said of a family."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import final

import torch
from torch import Tensor, nn

from plusx import parts
from plusx.errors import InputError

__all__ = [
    "NO_UNITS",
    "SHORTCUTS",
    "STEMS",
    "Config",
    "Family",
    "Network",
    "Option",
    "Options",
    "Range",
    "cifar_depths",
    "images",
    "staged",
]

Option = str | int | float | bool

STEMS = {"small": parts.small_stem, "large": parts.large_stem, "deep": parts.deep_stem}
SHORTCUTS = {
    "pad": parts.pad,
    "project": parts.project,
    "project-all": parts.project_all,
    "avg-project": parts.avg_project,
}
SHORTCUT_LETTERS = {"A": "pad", "B": "project", "C": "project-all", "D": "avg-project"}
"""What He et al. 2015, section 4.1, and for D He et al. 2018, figure 2, call them."""


@dataclass(frozen=True)
class Range:
    """A number that an option may be: low <= value <= high."""

    low: float
    high: float
    whole: bool = False

    def holds(self, value: Option) -> bool:
        """Say whether `value` is such a number."""
        if isinstance(value, bool) or not isinstance(value, int if self.whole else int | float):
            return False
        return self.low <= value <= self.high

    def __str__(self) -> str:
        kind = "a whole number" if self.whole else "a number"
        return f"{kind}, {self.low:g} to {self.high:g}"


Options = Mapping[str, Mapping[str, object] | Range]
"""What a builder takes by keyword: a table of named parts, or a range of numbers."""


@dataclass(frozen=True)
class Config:
    """All that `create` needs to build a network again."""

    name: str
    num_classes: int
    in_channels: int
    options: Mapping[str, Option] = field(default_factory=dict)


@final
class Network(nn.Module):
    """y = head(stages(stem(x), *context)): for images (B, C, H, W) -> (B, num_classes) logits.

    `size` is the side of the images that this network is made for, where it is not the family's.
    """

    def __init__(
        self, *, stem: nn.Module, stages: nn.Module, head: nn.Module, size: int | None = None
    ) -> None:
        super().__init__()
        self.size = size
        self.stem = stem
        self.stages = stages
        self.head = head
        self.config: Config | None = None  # set by `create`

    def forward(self, x: Tensor, *context: Tensor) -> Tensor:
        y: Tensor = self.head(self.stages(self.stem(x), *context))
        return y


def images(batch: int, in_channels: int, size: int) -> tuple[Tensor, ...]:
    """Return random images as an example input: (B, C, size, size)."""
    return (torch.randn(batch, in_channels, size, size),)


@dataclass(frozen=True, kw_only=True)
class Family:
    """Networks of one paper, for one kind of input.

    `models` maps the names in the paper to builders, called with `num_classes` and `in_channels`;
    `sized` maps a pattern such as "resnet{}" to a function that makes the builder of any other size
    from the numbers in the name. `options` says what else a builder takes, by keyword: named parts
    or a range. `size` is the paper's side of the input in pixels (or length, or nodes), for the
    networks that have none of their own, `small_size` one that tests can afford.
    `inputs(batch, in_channels, size)` makes an example, `sample` says what one is, by its shape.
    `space` is that of what the transforms
    give. `without` says which options of every network, or values of them ("norm=instance"), have
    no meaning here, and why.
    """

    name: str
    paper: str
    year: int
    equation: str
    good_for: str
    size: int
    num_classes: int
    models: Mapping[str, Callable[..., Network]]
    sized: Mapping[str, Callable[..., Callable[..., Network]]] = field(default_factory=dict)
    options: Options = field(default_factory=dict)
    in_channels: int = 3
    small_size: int = 64
    inputs: Callable[[int, int, int], tuple[Tensor, ...]] = images
    sample: str = "image of {}x{}x{}"
    space: parts.Space = parts.PLANE
    without: Mapping[str, str] = field(default_factory=dict)
    deviations: tuple[str, ...] = ()


NO_UNITS: Mapping[str, str] = dict.fromkeys(
    ("attention", "drop_path", "drop_path_mode", "shake_drop", "init=zero-last"),
    "it is about residual units, and this network has none",
)
"""What a family of networks without shortcuts does without."""


def staged(
    block: Callable[[int, int, int], nn.Module],
    *,
    depths: Sequence[int],
    widths: Sequence[int],
    stem_width: int,
    stem: parts.Stem,
    num_classes: int,
    in_channels: int,
) -> Network:
    """Stem, then `depths[i]` blocks of `widths[i]` channels a stage, linear head; He init.

    `block(in_channels, out_channels, stride)` makes one block; each stage but the first begins at
    stride 2. He et al. 2015, table 1.
    """
    chain = nn.Sequential()
    channels = stem_width
    for index, (depth, width) in enumerate(zip(depths, widths, strict=True)):
        stage = nn.Sequential()
        for position in range(depth):
            stage.append(block(channels, width, 2 if index > 0 and position == 0 else 1))
            channels = width
        chain.append(stage)
    network = Network(
        stem=stem(in_channels, stem_width),
        stages=chain,
        head=parts.linear_head(channels, num_classes),
    )
    parts.he_init(network)
    return network


def cifar_depths(depth: int) -> tuple[int, int, int]:
    """Return n, n, n for depth 6n + 2. He et al. 2015, section 4.2."""
    if depth < 8 or depth % 6 != 2:
        below = max(8, depth - (depth - 2) % 6)
        raise InputError(
            f"the small-image networks of He et al. 2015 have depth 6n + 2, which {depth} is not; "
            f"the nearest are {below} and {below + 6}"
        )
    return ((depth - 2) // 6,) * 3
