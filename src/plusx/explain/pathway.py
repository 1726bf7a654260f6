"""through(model, images): the evidence of a decision followed back along the shortcuts."""

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from plusx.analysis.aligned import aligned
from plusx.analysis.drawing import BLUE, ORANGE, depth_axis, new_axes
from plusx.errors import InputError
from plusx.explain.address import spoken
from plusx.explain.answer import Target
from plusx.explain.before import before
from plusx.explain.halves import Halves, halves, merges, unit_of, weighed
from plusx.explain.looking import Pass, passed, still
from plusx.explain.places import as_map
from plusx.explain.weights import Weights, by_mean

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["Through", "through"]


@dataclass(frozen=True, eq=False)
class Through:
    """Where along the shortcuts the evidence of the last map entered, image by image.

    evidence = stem + sum of added + sum of offsets, all (B,), units in the order they are run.
    `added` (B, units) is what each transform put on the stream that reached the last map by
    shortcuts alone; `offsets` (B, units) what the way to a unit from those before it made of
    nothing or lost: biases, norms of a projection, a gate where streams meet. `maps` holds what
    each added, (B, h, w), signed.
    """

    units: tuple[str, ...]
    targets: Tensor
    evidence: Tensor
    stem: Tensor
    added: Tensor
    offsets: Tensor
    maps: tuple[Tensor, ...]

    @property
    def shares(self) -> Tensor:
        """Stem and units as shares of the evidence, (B, 1 + units); NaN where there is none."""
        parts = torch.cat([self.stem[:, None], self.added], 1)
        return parts / self.evidence.where(self.evidence > 0, float("nan"))[:, None]

    @property
    def first(self) -> str | None:
        """The unit behind which half of the evidence is there, on average.

        "stem" if it is there before the first unit; None without evidence, and where units and
        stem bring less than half of it. Shares can be negative, so that later units take back what
        earlier ones gave.
        """
        mean = self.shares.nanmean(0)
        there = (mean.cumsum(0) >= 0.5).nonzero()
        return ("stem", *self.units)[int(there[0])] if len(there) else None

    def of(self, index: int) -> "Through":
        """Return that of one image."""
        one = slice(index, index + 1)
        return Through(
            self.units,
            self.targets[one],
            self.evidence[one],
            self.stem[one],
            self.added[one],
            self.offsets[one],
            tuple(map[one] for map in self.maps),
        )

    def to_json(self) -> dict[str, object]:
        """Return units, targets, evidence and its parts as plain JSON values."""
        return {
            "units": list(self.units),
            "first": self.first,
            "targets": self.targets.tolist(),
            "evidence": self.evidence.tolist(),
            "stem": self.stem.tolist(),
            "added": self.added.tolist(),
            "offsets": self.offsets.tolist(),
        }

    def table(self) -> str:
        """List stem and units: mean share of the evidence, and of all up to there."""
        mean = self.shares.nanmean(0)
        lines = [("unit", "share", "so far")]
        for name, share, so_far in zip(("stem", *self.units), mean, mean.cumsum(0)):
            lines.append((spoken(name), f"{float(share):z.1%}", f"{float(so_far):z.1%}"))
        offsets = (self.offsets.sum(1) / self.evidence)[self.evidence > 0].mean()
        lines.append(("between units", f"{float(offsets):z.1%}", ""))
        first = self.first
        if not bool((self.evidence > 0).any()):
            after = "no evidence"
        elif first is None:
            after = "half of it is not there after any"
        else:
            after = f"half of it is there after {spoken(first)}"
        title = f"the evidence, unit by unit: {after}"
        return "\n".join([title, "", *aligned(lines, total=1)])

    def plot(self, ax: "Axes | None" = None) -> "Axes":
        """Draw the mean share that stem and units add, the input at the top."""
        ax = ax or new_axes()
        mean = 100 * self.shares.nanmean(0).cpu()
        names = ("stem", *self.units)
        colors = [ORANGE if name == self.first else BLUE for name in names]
        ax.barh(range(len(names)), mean.tolist(), color=colors)
        depth_axis(ax, [spoken(name).removesuffix(".unit") for name in names])
        ax.set_xlabel("% of the evidence that entered here")
        return ax


def through(
    model: nn.Module,
    images: Tensor,
    target: Target = None,
    *,
    unit: str | None = None,
    weights: Weights = by_mean,
) -> Through:
    """Follow the map of the last unit (or `unit`) back: W y = W carried + W added, unit by unit.

    The evidence is the sum of the map where it is positive. What a transform added stays with its
    unit; what came by the shortcut is asked of the unit before, or of several where streams met,
    with the weights taken back through all that lies between (the derivative by y there, transforms
    held still). Raises `InputError`, naming the unit, for merges that are not linear in the
    shortcut, and for a unit that is run more than once.
    """
    with still(model):
        seen = passed(model, images, target)
        return _followed(seen, unit_of(seen, unit), merges(model, seen.images.detach()), weights)


def _followed(seen: Pass, last: str, merge: dict[str, nn.Module], weights: Weights) -> Through:
    records = seen.tape.units

    @cache
    def parts(name: str) -> Halves:
        return halves(name, records[name], merge[name])

    y = parts(last).y
    w = weighed(last, seen.gradient(records[last].y), y, seen.size, weights)
    asked = {last: _where_shown(w, y, seen.size)}
    evidence = _total(asked[last] * y)
    stem = torch.zeros_like(evidence)
    names, added, offsets, maps = [], [], [], []
    for name in reversed(records):
        if name not in asked:
            continue
        if seen.tape.times[name] > 1:
            raise InputError(
                f"the unit {name!r} is run {seen.tape.times[name]} times in a pass, expected once: "
                "the ways through all of them are one to the network, and only the last is seen"
            )
        w, own = asked.pop(name), parts(name)
        names.append(name)
        added.append(_total(w * own.added))
        places = as_map(w * own.added, seen.size)
        maps.append((w * own.added if places is None else places).sum(1).detach())
        w = own.back(w)
        carried = _total(w * own.s)
        earlier = before(seen, records[name].shortcut, w)
        for other, one in earlier.items():
            asked[other] = asked.get(other, 0) + one
        if not earlier:
            stem += carried
        entered = sum(_total(one * parts(other).y) for other, one in earlier.items())
        offsets.append(carried - (entered if earlier else carried))
    return Through(
        tuple(names[::-1]),
        seen.targets,
        evidence.float(),
        stem.float(),
        torch.stack(added[::-1], 1).float(),
        torch.stack(offsets[::-1], 1).float(),
        tuple(maps[::-1]),
    )


def _where_shown(w: Tensor, y: Tensor, size: tuple[int, int]) -> Tensor:
    """Keep the weights of places whose map is positive: what the picture shows."""
    y = y.detach().requires_grad_()
    places = as_map(y, size)
    weights = as_map(w, size)
    assert places is not None and weights is not None
    shown = (weights * places).sum(1, keepdim=True) > 0
    (found,) = torch.autograd.grad(places, y, weights * shown)
    return found


def _total(value: Tensor) -> Tensor:
    return value.detach().double().flatten(1).sum(1)
