"""Which axes of a gated value are places of the image, and which are channels?"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, fx

from plusx.graph import Gating, Traced, run, run_part
from plusx.graph.flow import Flow
from plusx.graph.nodes import kind

__all__ = ["Layout", "by_channel", "by_place", "layouts"]

PLANAR = {
    "conv1d", "conv2d", "conv3d", "convtranspose1d", "convtranspose2d", "convtranspose3d",
    "convolution", "batchnorm", "batchnorm1d", "batchnorm2d", "batchnorm3d", "nativebatchnorm",
    "groupnorm", "nativegroupnorm", "instancenorm", "instancenorm1d", "instancenorm2d",
    "instancenorm3d", "maxpool1d", "maxpool2d", "maxpool3d", "avgpool1d", "avgpool2d", "avgpool3d",
}  # fmt: skip
"""Operations that give (B, C, places) whatever comes before and after them."""
DRAWS = 4
BUMP = 100.0
"""Times the largest value of the map."""
ANSWER = 0.05
"""What answers to the bump: that many times the largest change."""


@dataclass(frozen=True)
class Layout:
    """Axes of a value with `dims`: those of `places`, and the one of the channels if it is known.

    (B, C, H, W) has channels 1 and places 2 and 3, (B, H, W, C) has 3 and 1 and 2.
    """

    dims: int
    places: frozenset[int] = frozenset()

    @property
    def channels(self) -> int:
        """The axis that is left besides the batch and the places; 1 where several are, or all."""
        left = sorted(set(range(1, self.dims)) - self.places)
        return left[0] if self.places and len(left) == 1 else 1


def layouts(
    traced: Traced, flow: Flow, images: Tensor, gates: Mapping[str, Gating]
) -> dict[str, Layout]:
    """Find how the values of gates lie, from what answers where one place of a map is changed.

    The map is what the last convolution, norm or pool before the value gives, since those have
    their channels at axis 1. All its channels are changed at one place, much and at random: along
    an axis of places few indices answer, along one of channels most. Where all places mix on the
    way (tokens behind attention) nothing is known.
    """
    with torch.no_grad():
        _, seen = run(traced, (images,), flow.nodes)
        return {name: _layout(traced, flow, seen, gate.value) for name, gate in gates.items()}


def _layout(traced: Traced, flow: Flow, seen: Mapping[fx.Node, Tensor], value: fx.Node) -> Layout:
    dims = seen[value].dim()
    anchor = next(_maps(flow, seen, value), None)
    if anchor is None:
        return Layout(dims)
    if anchor is value:
        return Layout(dims, frozenset(range(2, dims)))
    path = flow.between(anchor, (value,))
    change = torch.zeros_like(seen[value])
    for bumped in _bumped(seen[anchor]):
        found = run_part(traced, path, {**seen, anchor: bumped})[value]
        change = torch.maximum(change, (found - seen[value]).abs().nan_to_num(torch.inf))
    return Layout(dims, frozenset(axis for axis in range(1, dims) if _few(change, axis)))


def _maps(flow: Flow, seen: Mapping[fx.Node, Tensor], value: fx.Node) -> Iterator[fx.Node]:
    """Yield what gives a map with more than one place, from the value upwards."""
    for node in reversed(flow.nodes):
        if flow.bit[node] & flow.above[value] and kind(node) in PLANAR:
            made = seen[node]
            if isinstance(made, Tensor) and made.dim() > 2 and made[0, 0].numel() > 1:
                yield node


def _bumped(made: Tensor) -> Iterator[Tensor]:
    """Yield the map (B, C, places) with its middle place changed, channels up or down at random."""
    size = BUMP * float(made.abs().max()) or 1.0
    generator = torch.Generator().manual_seed(0)
    for _ in range(DRAWS):
        signs = 2 * torch.randint(2, made.shape[1:2], generator=generator) - 1
        bumped, place = made.clone(), made.shape[2:].numel() // 2
        bumped.flatten(2)[:, :, place] += size * signs.to(made)
        yield bumped


def _few(change: Tensor, axis: int) -> bool:
    """Tell whether only a few of the indices along an axis answer: one, or up to a quarter."""
    amounts = change.movedim(axis, 0).flatten(1).amax(1)
    count = int((amounts > ANSWER * amounts.max()).sum())
    return 0 < count < len(amounts) and count <= max(1, len(amounts) // 4)


def by_channel(weights: Tensor) -> Tensor:
    """Average weights place by place over the places: (B, C)."""
    return weights.flatten(2).mean(2) if weights.dim() > 2 else weights


def by_place(weights: Tensor, summed: int | None, aspect: float) -> Tensor | None:
    """Average the weights over the channels, or over those who hear: (B, H, W).

    Places that lie in a row are laid out in lines, `aspect` = H / W. None where there is a weight a
    channel only, or the places fill no rectangle of this aspect (a class token among them).
    """
    if summed is None:
        places = weights.mean(1)
    else:
        places = weights.transpose(summed, -1).flatten(1, -2).mean(1)
    if places.dim() == 2 and places.shape[1] > 1:
        height = round((places.shape[1] * aspect) ** 0.5)
        if not height or places.shape[1] % height or not _fits(places.shape[1], height, aspect):
            return None
        places = places.unflatten(1, (height, -1))
    return places if places.dim() == 3 and places[0].numel() > 1 else None


def _fits(count: int, height: int, aspect: float) -> bool:
    """Tell whether lines of this many make about the aspect; halved odd sides are rounded."""
    return abs(height * height / count / aspect - 1) < 0.3
