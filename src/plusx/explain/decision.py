"""decide(model, images): all that is known of why a network says what it says."""

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from plusx.analysis.aligned import aligned
from plusx.errors import InputError, nearest
from plusx.explain.halves import Split, split
from plusx.explain.judged import Judged, judged
from plusx.explain.looking import logits_of, still
from plusx.explain.material import Images
from plusx.explain.methods import USUAL
from plusx.explain.pathway import Through, through

__all__ = ["Decision", "decide"]

TOP = 5
"""Classes of an image that are told apart from the others."""


@dataclass(frozen=True, eq=False)
class Decision:
    """Why a network says what it says of some images; the first of `judged` leads."""

    name: str
    classes: tuple[str, ...]
    images: Images
    probabilities: Tensor
    targets: Tensor
    judged: tuple[Judged, ...]
    split: Split | None
    through: Through | None
    notes: tuple[str, ...]
    seconds: float

    @property
    def main(self) -> Judged:
        """The method whose maps are shown large: the first that was asked for."""
        return self.judged[0]

    def top(self, index: int) -> list[tuple[str, float]]:
        """Return the most probable classes of an image with their probabilities."""
        found = self.probabilities[index].topk(min(TOP, len(self.classes)))
        return [
            (self.classes[int(place)], float(p)) for p, place in zip(found.values, found.indices)
        ]

    def target(self, index: int) -> tuple[str, float]:
        """Return the class that is explained and its probability."""
        place = int(self.targets[index])
        return self.classes[place], float(self.probabilities[index, place])

    def to_json(self) -> dict[str, object]:
        """Return answers and figures as plain JSON values, without the maps."""
        added = [] if self.split is None else self.split.added.tolist()
        return {
            "name": self.name,
            "images": [
                {
                    "image": name,
                    "explained": self.target(index)[0],
                    "top": [{"class": c, "probability": p} for c, p in self.top(index)],
                    "added_by_last_transform": _known(added[index]) if added else None,
                    "first_unit": self.through.of(index).first if self.through else None,
                }
                for index, name in enumerate(self.images.names)
            ],
            "methods": [each.to_json() for each in self.judged],
            "notes": list(self.notes),
        }

    def table(self) -> str:
        """List the images with their answers, then the methods with their verdicts."""
        lines = [("image", "explained", "sure", "half of it there behind")]
        for index, name in enumerate(self.images.names):
            said, p = self.target(index)
            first = self.through.of(index).first if self.through else None
            lines.append((name, said, f"{p:.1%}", first or "-"))
        rows = [("method", "check", "random weights", "deletion", "insertion", "of noise")]
        for each in self.judged:
            found = each.faithfulness
            rows.append(
                (
                    each.maps.method,
                    "passes" if each.sanity.passed else "does not pass",
                    f"{each.sanity.correlations[-1]:.2f}",
                    f"{found.deletion:.3f}",
                    f"{found.insertion:.3f}",
                    f"{found.chance_deletion:.3f}, {found.chance_insertion:.3f}",
                )
            )
        said_of = [*aligned(lines, words=2), "", *aligned(rows, words=2)]
        return "\n".join([*said_of, *(["", *self.notes] if self.notes else [])])


def decide(
    model: nn.Module,
    images: Images,
    *,
    name: str,
    methods: Sequence[str] = USUAL,
    unit: Sequence[str] = (),
    target: str | int | None = None,
    notes: Sequence[str] = (),
    tell: Callable[[str], object] = lambda what: None,
) -> Decision:
    """Explain what `model` says of `images`, or what speaks for `target`, a class or its number.

    `unit` are addresses that the methods look at; maps are split at the first of them that is a
    unit, by default at the last unit. `notes` are kept, `tell` hears what is being done.
    Leaves no trace.
    """
    began = time.monotonic()
    if not methods:
        raise InputError("no method was given, expected at least one")
    x = images.x.to(next((p.device for p in model.parameters()), torch.device("cpu")))
    with still(model), torch.no_grad():
        probabilities = logits_of(model(x), len(x)).softmax(1).cpu()
    classes = _classes(images.spec.classes, probabilities.shape[1])
    wanted = None if target is None else _number(target, classes)
    found = tuple(
        judged(model, x, each, wanted, unit=list(unit) or None, tell=tell)
        for each in dict.fromkeys(methods)
    )
    tell("the way through the shortcuts")
    targets = found[0].maps.targets
    said = [*notes, *images.notes]
    halves: Split | None = None
    way: Through | None = None
    place = next((each for each in unit), None)
    try:
        halves = split(model, x, targets, unit=place)
        way = through(model, x, targets, unit=place)
    except InputError as error:
        said.append(f"Not followed through the shortcuts: {error}.")
    return Decision(
        name,
        classes,
        images,
        probabilities,
        targets.cpu(),
        found,
        halves,
        way,
        tuple(said),
        time.monotonic() - began,
    )


def _classes(names: tuple[str, ...], count: int) -> tuple[str, ...]:
    """Return the names of the classes; of a network whose classes nobody named, their numbers."""
    return names if len(names) == count else tuple(f"class {place}" for place in range(count))


def _known(share: float) -> float | None:
    return share if math.isfinite(share) else None


def _number(target: str | int, classes: tuple[str, ...]) -> int:
    if isinstance(target, str) and target in classes:
        return classes.index(target)
    try:
        number = int(target)
    except ValueError:
        number = -1
    if not 0 <= number < len(classes):
        raise InputError(
            f"there is no class {target!r}{nearest(str(target), classes)}; expected one of "
            f"{', '.join(classes[:6])}{', ...' if len(classes) > 6 else ''} or its number, 0 to "
            f"{len(classes) - 1}"
        )
    return number
