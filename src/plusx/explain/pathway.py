"""through(model, images): the evidence of a decision followed back along the shortcuts."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from plusx.analysis.aligned import aligned
from plusx.analysis.drawing import BLUE, ORANGE, depth_axis, new_axes
from plusx.errors import InputError, nearest
from plusx.explain.address import spoken
from plusx.explain.halves import halves, merges, weighed
from plusx.explain.looking import Pass, Target, chosen, passed, still
from plusx.explain.places import as_map
from plusx.explain.weights import Weights, by_mean

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["Through", "through"]


@dataclass(frozen=True, eq=False)
class Through:
    """Where along the shortcuts the evidence of the last map entered, image by image.

    evidence = stem + sum of added + sum of offsets, all (B,), units from the first to the last.
    `added` (B, units) is what each transform put on the stream that reached the last map by
    shortcuts alone; `offsets` (B, units) what the way between a unit and the next made of nothing
    or lost: biases, norms of a projection. `maps` holds what each added, (B, h, w), signed.
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
        """The unit behind which half of the evidence is there, on average; None without evidence.

        "stem" if it is there before the first unit. Shares can be negative, so that later units
        take back what earlier ones gave.
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
        lines.append(("biases on the way", f"{float(offsets):z.1%}", ""))
        first = self.first
        after = "no evidence" if first is None else f"half of it is there after {spoken(first)}"
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
    unit; what came by the shortcut is asked of the unit before, with the weights taken back through
    all that lies between (the derivative by y there, transforms held still). Raises `InputError`,
    naming the unit, for merges that are not linear in the shortcut.
    """
    with still(model):
        seen = passed(model, images, target)
        records = seen.tape.units
        if not records:
            raise InputError("the network has no residual unit: there is no shortcut to follow")
        last = unit or chosen(seen, {name: record.y for name, record in records.items()})
        if last not in records:
            known = f"{list(records)}{nearest(last, records)}"
            raise InputError(f"the network has no unit {last!r} that is run; it has {known}")
        return _followed(seen, last, merges(model, images), weights)


def _followed(seen: Pass, last: str, merge: dict[str, nn.Module], weights: Weights) -> Through:
    records = seen.tape.units
    parts = halves(last, records[last], merge[last])
    w = weighed(last, seen.gradient(records[last].y), parts.y, seen.size, weights)
    w = _where_shown(w, parts.y, seen.size)
    evidence = entered = _total(w * parts.y)
    names, added, offsets, maps = [], [], [], []
    name: str | None = last
    while name is not None:
        parts = halves(name, records[name], merge[name])
        names.append(name)
        added.append(_total(w * parts.added))
        places = as_map(w * parts.added, seen.size)
        maps.append((w * parts.added if places is None else places).sum(1).detach())
        w = parts.back(w)
        carried = _total(w * parts.s)
        source = records[name].shortcut
        name, w = _before(seen, name, source, w.to(source.dtype))
        entered = carried if name is None else _total(w * records[name].y.detach().float())
        offsets.append(carried - entered)
    return Through(
        tuple(names[::-1]),
        seen.targets,
        evidence.float(),
        entered.float(),
        torch.stack(added[::-1], 1).float(),
        torch.stack(offsets[::-1], 1).float(),
        tuple(maps[::-1]),
    )


def _before(seen: Pass, name: str, s: Tensor, w: Tensor) -> tuple[str | None, Tensor]:
    """Return the unit that s comes from, and the weights there; None if it comes from the stem."""
    names = list(seen.tape.units)
    for other in reversed(names[: names.index(name)]):
        y = seen.tape.units[other].y
        (found,) = torch.autograd.grad(s, y, w, retain_graph=True, allow_unused=True)
        if found is not None:
            return other, found.float()
    return None, w


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
