"""decide(model, images): all that is known of why a network says what it says."""

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from plusx.analysis.aligned import aligned
from plusx.errors import InputError
from plusx.explain.address import addressed, spoken
from plusx.explain.answer import logits_of, run_on
from plusx.explain.classes import class_names, class_number
from plusx.explain.ends import ends
from plusx.explain.halves import Split, split
from plusx.explain.judged import Judged, judged
from plusx.explain.known import known, shown
from plusx.explain.looking import still
from plusx.explain.material import Images
from plusx.explain.methods import USUAL, method
from plusx.explain.pathway import Through, through
from plusx.explain.probabilities import probabilities
from plusx.explain.suited import suited

__all__ = ["CHECKS", "Decision", "Way", "decide"]

CHECKS = ("method", "check", "random weights", "taken away", "random places", "put back",
          "random places", "under noise")  # fmt: skip
"""The columns of the checks, on the page too."""
READ = """
random weights, under noise: how alike the maps stay (low is good, high is good). The others: the
mean probability while the places that a map names are taken away (good below random places) or put
back (good above them)."""
TOP = 5
"""Classes of an image that are told apart from the others."""


@dataclass(frozen=True, eq=False)
class Way:
    """One unit's map, split at its shortcut, and followed back through those before it."""

    split: Split
    through: Through

    @property
    def unit(self) -> str:
        """The address of the unit."""
        return self.split.unit


@dataclass(frozen=True, eq=False)
class Decision:
    """Why a network says what it says of some images; the first of `judged` leads.

    `ways` are of the units that were asked for, else of the last one of each stream; none where
    there is no shortcut to follow.
    """

    name: str
    classes: tuple[str, ...]
    images: Images
    probabilities: Tensor
    targets: Tensor
    judged: tuple[Judged, ...]
    ways: tuple[Way, ...]
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

    def part(self, way: Way, index: int) -> float:
        """Return the share of an image's evidence that is at the end of a way.

        NaN where there is none, and where ways have units in common: that is the same evidence.
        """
        names = [name for each in self.ways for name in each.through.units]
        if len(set(names)) < len(names):
            return math.nan
        all_of_it = sum(float(each.through.evidence[index]) for each in self.ways)
        return float(way.through.evidence[index]) / all_of_it if all_of_it else math.nan

    def to_json(self) -> dict[str, object]:
        """Return answers and figures as plain JSON values, without the maps."""
        return {
            "name": self.name,
            "images": [
                {
                    "image": name,
                    "explained": self.target(index)[0],
                    "top": [{"class": c, "probability": p} for c, p in self.top(index)],
                    "ways": [
                        {
                            "unit": way.unit,
                            "evidence": known(self.part(way, index)),
                            "added_by_transform": known(float(way.split.added[index])),
                            "half_of_it_behind": way.through.of(index).first,
                        }
                        for way in self.ways
                    ],
                }
                for index, name in enumerate(self.images.names)
            ],
            "methods": [each.to_json() for each in self.judged],
            "notes": list(self.notes),
        }

    def table(self) -> str:
        """List the images with their answers, then the methods with their verdicts."""
        lines = [("image", "explained", "sure", "half the evidence is there after")]
        for index, name in enumerate(self.images.names):
            said, p = self.target(index)
            firsts = [_after(way.through.of(index).first) for way in self.ways]
            lines.append((name, said, f"{p:.1%}", ", ".join(firsts) or "-"))
        rows: list[tuple[str, ...]] = [CHECKS]
        for each in self.judged:
            found = each.faithfulness
            rows.append(
                (
                    each.maps.method,
                    each.sanity.verdict,
                    shown(each.sanity.correlations[-1]),
                    *(f"{p:.3g}" for p in (found.deletion, found.chance_deletion)),
                    *(f"{p:.3g}" for p in (found.insertion, found.chance_insertion)),
                    shown(each.stability.correlation),
                )
            )
        said_of = [*aligned(lines, words=2), "", *aligned(rows, words=2)]
        return "\n".join([*said_of, READ, *(["", *self.notes] if self.notes else [])])


@torch.inference_mode(False)
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

    `unit` are addresses that the methods look at and maps are split at, by default the last unit,
    of each stream where there are several; a block that holds one unit is that unit. `notes`
    are kept, `tell` hears what is being done. Leaves no trace.
    """
    began = time.monotonic()
    if not methods:
        raise InputError("no method was given, expected at least one")
    for each in methods:
        method(each)  # a wrong one is told before any work
    x = suited(model, images.x)
    with still(model), torch.no_grad():
        sure = probabilities(logits_of(run_on(model, x), len(x))).cpu()
    classes = class_names(images.spec.classes, sure.shape[1])
    wanted = None if target is None else class_number(target, classes)
    looked_at = addressed(model, x, unit) or ends(model, x)
    found = tuple(
        judged(model, x, each, wanted, unit=looked_at or None, tell=tell)
        for each in dict.fromkeys(methods)
    )
    tell("the way through the shortcuts")
    targets = found[0].maps.targets
    said = [*notes, *images.notes]
    ways: list[Way] = []
    for place in looked_at or (None,):
        try:
            halves = split(model, x, targets, unit=place)
            ways.append(Way(halves, through(model, x, targets, unit=place)))
        except InputError as error:
            said.append(f"Not followed through the shortcuts: {error}.")
    return Decision(
        name,
        classes,
        images,
        sure,
        targets.cpu(),
        found,
        tuple(ways),
        tuple(said),
        time.monotonic() - began,
    )


def _after(unit: str | None) -> str:
    return "-" if unit is None else spoken(unit)
