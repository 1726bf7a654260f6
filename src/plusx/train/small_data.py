"""What to change when parameters outnumber samples: chosen from their ratio, and said in words."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

from plusx.errors import InputError

__all__ = ["BANDS", "Advice", "Band", "Change", "advise"]

Band = Literal["enough", "few", "small", "tiny", "handful"]
Value = int | float | str

BANDS: Mapping[Band, float] = {
    "enough": 10,
    "few": 1_000,
    "small": 10_000,
    "tiny": 100_000,
    "handful": math.inf,
}
"""The most parameters a sample of each band.

resnet18 on ImageNet has 9 parameters a sample, WRN-28-10 on CIFAR-10 730 (both do well with crops
and mirror images alone), resnet50 on 10,000 photographs 2,400, resnet18 on 300 photographs 37,000.
The borders are ours, between such cases; no paper draws them.
"""

_SEEN = {False: 60_000, True: 15_000}  # images to see in a run: from scratch, from given weights
_EPOCHS = {False: (30, 200), True: (20, 60)}


@dataclass(frozen=True)
class Change:
    """One field of a recipe, its value, and why: a sentence, and the paper behind it if any."""

    field: str
    value: Value
    why: str
    source: str = ""

    def __str__(self) -> str:
        source = f" ({self.source})" if self.source else ""
        return f"{self.field} {self.value}: {self.why}{source}."


@dataclass(frozen=True)
class Advice:
    """Parameters a sample, the band in which that lies, and what to change.

    `learning_rate_multiple` among the fields multiplies the optimizer's usual rate; `drop_path` is
    an option of the network; all others replace the recipe's value.
    """

    num_params: int
    num_samples: int
    pretrained: bool
    ratio: float
    band: Band
    why: tuple[Change, ...]

    @property
    def changes(self) -> Mapping[str, Value]:
        """The new values by field."""
        return {change.field: change.value for change in self.why}

    def lines(self, given: Mapping[str, object] = MappingProxyType({})) -> list[str]:
        """Say it in words: the ratio, then a line a change; what was `given` stands instead."""
        head = (
            f"{self.num_params:,} parameters for {self.num_samples:,} training images: "
            f"{self.ratio:,.3g} a sample ({self.band})"
        )
        if not self.why:
            return [f"{head}; nothing has to change"]
        return [
            head,
            *(
                f"{change.field} {change.value} would be advised; what was given stands"
                if change.field in given
                else str(change)
                for change in self.why
            ),
        ]


def advise(num_params: int, num_samples: int, pretrained: bool) -> Advice:
    """Return what to change for so many parameters and training samples; nothing up to 10 a sample.

    From scratch, the more parameters a sample, the more the images are varied and the weights are
    held back; with `pretrained` weights, the less of the network is moved away from them.

    >>> print(*advise(11_000_000, 300, pretrained=True).lines()[:2], sep="\\n")
    11,000,000 parameters for 300 training images: 3.67e+04 a sample (tiny)
    epochs 50: with so few images an epoch has few steps, and a run needs enough of them.
    """
    for name, number in (("num_params", num_params), ("num_samples", num_samples)):
        if isinstance(number, bool) or not isinstance(number, int) or number < 1:
            raise InputError(f"{name} is {number!r}; expected a whole number of at least 1")
    ratio = num_params / num_samples
    band = next(band for band, most in BANDS.items() if ratio <= most)
    if band == "enough":
        changes: list[Change] = []
    else:
        changes = [_epochs(num_samples, pretrained)]
        changes += _from_given_weights(band) if pretrained else _from_scratch(band)
    return Advice(num_params, num_samples, pretrained, ratio, band, tuple(changes))


def _epochs(num_samples: int, pretrained: bool) -> Change:
    least, most = _EPOCHS[pretrained]
    epochs = min(most, max(least, math.ceil(_SEEN[pretrained] / num_samples)))
    why = "with so few images an epoch has few steps, and a run needs enough of them"
    return Change("epochs", epochs, why)


_POLICY = Change(
    "policy",
    "trivialaugment",
    "one random change an image, of random strength, needs no tuning to the set",
    "Müller and Hutter 2021, arXiv 2103.10158",
)
_SMOOTHING = Change(
    "label_smoothing",
    0.1,
    "the network is kept from being sure of the few labels it has seen",
    "Szegedy et al. 2015, arXiv 1512.00567",
)
_ERASE = Change(
    "erase",
    0.25,
    "an object has to be known by more than its one telling part",
    "Zhong et al. 2017, arXiv 1708.04896",
)
_SLOWER = Change(
    "learning_rate_multiple",
    0.1,
    "a tenth of the usual rate makes progress without spoiling what the weights know",
    "Girshick et al. 2013, arXiv 1311.2524, section 2.3",
)


def _from_scratch(band: Band) -> list[Change]:
    """Vary the images in every band; where there are fewer, hold the weights back as well."""
    changes = [_POLICY, _ERASE, _SMOOTHING]
    if band == "few":
        return changes
    worse = band in ("tiny", "handful")
    return [
        *changes,
        Change(
            "mixup",
            0.2,
            "between two images the answer is to lie between their labels, so there are as many "
            "samples as pairs",
            "Zhang et al. 2017, arXiv 1710.09412",
        ),
        Change(
            "drop_path",
            0.2 if worse else 0.1,
            "each step trains a shallower network, drawn at random",
            "Huang et al. 2016, arXiv 1603.09382",
        ),
        Change(
            "weight_decay",
            2e-3 if worse else 1e-3,
            "on small sets the usual decay is seldom the best one, and finding it matters more "
            "than special methods do",
            "Brigato et al. 2021, arXiv 2108.13122",
        ),
    ]


def _from_given_weights(band: Band) -> list[Change]:
    """Move less of the network the fewer the samples; vary the images a little."""
    gradual = Change(
        "tune",
        "gradual",
        "the new head learns before the features below it move, which a random one would distort",
        "Howard and Ruder 2018, arXiv 1801.06146; Kumar et al. 2022, arXiv 2202.10054",
    )
    match band:
        case "few":
            layerwise = Change(
                "tune",
                "layerwise",
                "lower units, whose features are the most general, change less",
                "Howard and Ruder 2018, arXiv 1801.06146",
            )
            return [layerwise, _SLOWER, _SMOOTHING, _POLICY]
        case "handful":  # a head alone starts from nothing: the usual rate suits it
            head = Change(
                "tune",
                "head",
                "with over 100,000 parameters a sample the given features are better left alone",
                "Donahue et al. 2013, arXiv 1310.1531",
            )
            return [head, _SMOOTHING]
        case _:
            return [gradual, _SLOWER, _SMOOTHING, _POLICY]
