"""What all image networks of the zoo share: stem, stages, head."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import final

from torch import Tensor, nn

from plusx import parts
from plusx.errors import InputError

__all__ = ["Config", "Family", "Network", "Option", "cifar_depths", "staged"]

Option = str | int | float | bool


@dataclass(frozen=True)
class Config:
    """All that `create` needs to build a network again."""

    name: str
    num_classes: int
    in_channels: int
    options: Mapping[str, Option] = field(default_factory=dict)


@final
class Network(nn.Module):
    """y = head(stages(stem(x))): (B, in_channels, H, W) -> (B, num_classes) logits."""

    def __init__(self, *, stem: nn.Module, stages: nn.Module, head: nn.Module) -> None:
        super().__init__()
        self.stem = stem
        self.stages = stages
        self.head = head
        self.config: Config | None = None  # set by `create`

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.head(self.stages(self.stem(x)))
        return y


@dataclass(frozen=True)
class Family:
    """Networks of one paper, for one kind of image: `num_classes` classes, `size` pixels a side.

    `models` maps the names in the paper to builders; `sized` maps a pattern such as "resnet{}" to a
    function that makes the builder of any other size from the number in the name.
    """

    name: str
    paper: str
    year: int
    size: int
    num_classes: int
    models: Mapping[str, Callable[..., Network]]
    sized: Mapping[str, Callable[..., Callable[..., Network]]] = field(default_factory=dict)


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
