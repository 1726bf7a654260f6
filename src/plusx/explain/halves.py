"""split(model, images): a unit's map as what came by the shortcut and what the transform added."""

import operator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor, fx, nn

from plusx.analysis.aligned import aligned
from plusx.errors import InputError, nearest
from plusx.explain.address import spoken
from plusx.explain.answer import Target
from plusx.explain.attribution import onto, picture
from plusx.explain.looking import Pass, chosen, passed, still
from plusx.explain.places import as_map
from plusx.explain.weights import Weights, by_mean
from plusx.tape import UnitRecord
from plusx.unit import units

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["Halves", "Split", "halves", "merges", "split", "unit_of", "weighed"]


@dataclass(frozen=True, eq=False)
class Split:
    """whole = by_shortcut + by_transform: signed maps (B, h, w) of y = merge(s, t).

    They are of the sum itself, before a ReLU that follows it, and before negative values are cut
    off: behind either the two halves would no longer sum to the whole.
    """

    unit: str
    targets: Tensor
    images: Tensor
    whole: Tensor
    by_shortcut: Tensor
    by_transform: Tensor

    @property
    def added(self) -> Tensor:
        """The transform's share of what the map shows, where it is positive; NaN without such."""
        shown = self.whole > 0
        return (self.by_transform * shown).sum((1, 2)) / (self.whole * shown).sum((1, 2))

    def to_json(self) -> dict[str, object]:
        """Return unit, targets, shares and the three maps as plain JSON values."""
        return {
            "unit": self.unit,
            "targets": self.targets.tolist(),
            "added": [None if bool(share.isnan()) else float(share) for share in self.added],
            "whole": self.whole.tolist(),
            "by_shortcut": self.by_shortcut.tolist(),
            "by_transform": self.by_transform.tolist(),
        }

    def table(self) -> str:
        """List the images: how much of the map came by the shortcut, how much was added."""
        lines = [("image", "class", "by the shortcut", "by the transform")]
        for index, share in enumerate(self.added.tolist()):
            shares = (f"{1 - share:z.1%}", f"{share:z.1%}") if share == share else ("-", "-")
            lines.append((str(index), str(int(self.targets[index])), *shares))
        equation = "y = merge(shortcut(x), transform(x)) before what follows"
        title = f"the map of {spoken(self.unit)}, {equation}"
        return "\n".join([title, "", *aligned(lines)])

    def plot(self, axes: "list[Axes] | None" = None, *, index: int = 0) -> "list[Axes]":
        """Draw image, whole, and both halves in four axes, in one scale: red for, blue against."""
        if axes is None:
            from matplotlib import pyplot

            axes = list(pyplot.subplots(1, 4, layout="constrained", figsize=(10, 3))[1])
        size = self.images.shape[-2], self.images.shape[-1]
        maps = {"y": self.whole, "shortcut": self.by_shortcut, "transform": self.by_transform}
        limit = max(float(one[index].abs().max()) for one in maps.values()) or 1.0
        picture(axes[0], self.images[index])
        axes[0].set_title(f"class {int(self.targets[index])}", size="medium")
        for ax, (name, one) in zip(axes[1:], maps.items()):
            drawn = onto(one[index : index + 1], size)[0].cpu().numpy()
            ax.imshow(drawn, cmap="RdBu_r", vmin=-limit, vmax=limit)
            ax.set_title(name, size="medium")
            ax.set_axis_off()
        return axes


@dataclass(frozen=True, eq=False)
class Halves:
    """y = carried + added, where added = merge(0, t); and s with the way back from y to it."""

    s: Tensor
    y: Tensor
    carried: Tensor
    added: Tensor
    _source: Tensor
    _total: Tensor

    def back(self, weights: Tensor) -> Tensor:
        """Return the weights at s that weights at y amount to, with t held still."""
        (found,) = torch.autograd.grad(self._total, self._source, weights, retain_graph=True)
        return found


def split(
    model: nn.Module,
    images: Tensor,
    target: Target = None,
    *,
    unit: str | None = None,
    weights: Weights = by_mean,
) -> Split:
    """Split a unit's map into W carried + W added, with one W of `weights` for both.

    carried = merge(s, t) - merge(0, t) and added = merge(0, t): s and t of a sum, s (1 - F) and g
    of a highway, the old and the new channels of a concatenation. Raises `InputError`, naming the
    unit, for a merge that is not linear in s. `unit` as for `grad_cam`.

    >>> from plusx import create
    >>> found = split(create("resnet8", num_classes=10), torch.randn(2, 3, 16, 16), 3)
    >>> torch.allclose(found.by_shortcut + found.by_transform, found.whole, atol=1e-6)
    True
    """
    with still(model):
        seen = passed(model, images, target)
        name = unit_of(seen, unit)
        record = seen.tape.units[name]
        parts = halves(name, record, merges(model, seen.images.detach())[name])
        w = weighed(name, seen.gradient(record.y), parts.y, seen.size, weights)
        maps = [as_map(w * value, seen.size) for value in (parts.y, parts.carried, parts.added)]
    whole, carried, added = (one.sum(1).detach() for one in maps if one is not None)
    return Split(name, seen.targets, images.detach(), whole, carried, added)


def unit_of(seen: Pass, unit: str | None) -> str:
    """Return the unit to look through: `unit`, if it was run, or the last that decides."""
    records = seen.tape.units
    if not records:
        raise InputError("the network has no residual unit: there is no shortcut to look through")
    name = unit or chosen(seen, {n: record.y for n, record in records.items()})
    if name not in records:
        known = f"{list(records)}{nearest(name, records)}"
        raise InputError(f"the network has no unit {name!r} that is run; it has {known}")
    return name


def merges(model: nn.Module, images: Tensor) -> dict[str, nn.Module]:
    """Return the merge of each unit, by address."""
    return {unit.name: unit.merge for unit in units(model, (images,))}


def halves(name: str, seen: UnitRecord, merge: nn.Module) -> Halves:
    """Take a unit's y apart, in float32 whatever the pass was made in."""
    if _takes_several(merge):
        raise InputError(f"{name!r} merges more than a shortcut and one transform; not covered")
    s, t = seen.shortcut.detach().float(), seen.transform.detach().float()
    source = s.clone().requires_grad_()
    with torch.autocast(s.device.type, enabled=False):
        y, added, twice = merge(source, t), merge(torch.zeros_like(s), t), merge(2 * s, t)
    slack = 1e-4 * float(y.detach().abs().max()) + 1e-12
    if not torch.allclose(twice - y, y - added, rtol=0, atol=slack):
        raise InputError(f"{name!r} has a merge that is not linear in its shortcut; not covered")
    return Halves(s, y.detach(), (y - added).detach(), added.detach(), source, y)


def _takes_several(merge: nn.Module) -> bool:
    """Tell whether it is a gated sum of a foreign network: its t is a tuple (`graph.merge_of`)."""
    return isinstance(merge, fx.GraphModule) and any(
        node.target is operator.getitem for node in merge.graph.nodes
    )


def weighed(
    name: str, gradient: Tensor | None, y: Tensor, size: tuple[int, int], weights: Weights
) -> Tensor:
    """Return `weights` in the layout of y itself; what is no place (a class token) weighs 0."""
    y = y.detach().requires_grad_()
    places = as_map(y, size)
    if places is None:
        raise InputError(
            f"{name!r} gives {tuple(y.shape)}, expected a map over images of {size[0]}x{size[1]} "
            "with two places or more; choose an earlier unit"
        )
    slope = as_map(torch.zeros_like(y) if gradient is None else gradient.float(), size)
    assert slope is not None
    w = weights(places.detach(), slope).expand_as(places)
    (found,) = torch.autograd.grad(places, y, w)
    return found
