"""Which known network has these counts? Its parameters are a network's fingerprint."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from itertools import islice
from pathlib import Path

import torch

import plusx
from plusx.catalog import family_of
from plusx.doctor.identity.outline import Outline

__all__ = ["Known", "nearest"]


@dataclass(frozen=True)
class Known:
    """A network of the zoo; `off` is how far the parameters are from its, as a share."""

    name: str
    params: int
    units: int
    off: float


@cache
def _counts() -> dict[str, dict[str, int]]:
    path = Path(plusx.__file__).parent / "zoo" / "counts.json"
    counts: dict[str, dict[str, int]] = json.loads(path.read_text())
    return counts


def nearest(given: Outline, num_classes: int, *, count: int = 1) -> list[Known]:
    """Return the networks of the zoo with the nearest counts of parameters, then of units.

    Those that take such an input: an image, a video, a sequence. The first and the last layer are
    counted as if images had the zoo's channels and classes.
    """
    units = len(given.rows)
    known = sorted(_all(given, num_classes), key=lambda each: (each.off, abs(each.units - units)))
    return list(islice((each for each in known if _takes(each.name, given)), count))


def _takes(name: str, given: Outline) -> bool:
    family = family_of(name)
    with torch.device("meta"):
        x, *_ = family.inputs(1, family.in_channels, family.size)
    return x.dim() == 1 + len(given.x)


def _all(given: Outline, num_classes: int) -> Iterator[Known]:
    for name, counts in _counts().items():
        family = family_of(name)
        channels, classes = family.in_channels, family.num_classes
        params = given.params + _head(given) * (classes - num_classes)
        params += _stem(given) * (channels - given.x[0]) if len(given.x) == 3 else 0
        off = abs(params - counts["params"]) / counts["params"]
        yield Known(name, counts["params"], counts["units"], off)


def _head(given: Outline) -> int:
    """Return the parameters that one class more would bring."""
    for layer in reversed(given.loose):
        if layer.kind == "linear":
            return (layer.x[0] if len(layer.x) != 2 else layer.x[-1]) + layer.bias
    return 0


def _stem(given: Outline) -> int:
    """Return the parameters that one channel of the image more would bring."""
    first = next((layer for layer in given.layers if layer.kind == "conv"), None)
    if first is None or first.groups != 1:
        return 0
    weights = first.width
    for side in first.kernel:
        weights *= side
    return weights
