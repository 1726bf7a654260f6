"""How a network is trained: everything but the data, the network and the machine."""

from collections.abc import Iterator
from dataclasses import dataclass, fields
from itertools import pairwise
from typing import Literal

from plusx.errors import InputError

__all__ = ["Recipe"]


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """SGD with Nesterov momentum, a warmed-up cosine, label smoothing, crop and flip.

    He et al. 2015, section 4.2, with the cosine of Loshchilov and Hutter 2016 and the smoothing of
    Szegedy et al. 2015. A named recipe is a subclass with other values.
    """

    epochs: int = 30
    """Passes over the training split."""
    least_steps: int = 0
    """Passes are added until there are so many steps, where `epochs` is left to the recipe."""
    batch_size: int | None = None
    """Images a step, of all processes; by itself up to 128, so that an epoch has 20 steps."""
    accumulate: int = 1
    """Parts in which a batch passes through the network, one after another: less memory."""
    optimizer: Literal["sgd", "nesterov", "adamw", "lamb", "muon"] = "nesterov"
    """sgd has plain momentum, nesterov Nesterov's."""
    learning_rate: float | None = None
    """Peak rate; by itself the optimizer's usual one, in proportion to the batch size."""
    momentum: float = 0.9
    """Of sgd, nesterov and muon."""
    weight_decay: float = 5e-4
    """L2 decay for sgd and nesterov, decoupled for the others."""
    decayed: Literal["weights", "all"] = "weights"
    """What decays: weights alone, or norms and biases too."""
    schedule: Literal["cosine", "step", "one-cycle", "linear", "constant"] = "cosine"
    """How the rate goes down after the warm-up."""
    milestones: tuple[float, ...] = (0.5, 0.75)
    """Shares of the run at which the rate of `step` falls."""
    factor: float = 0.1
    """What the rate of `step` is multiplied by there."""
    warmup: float = 0.05
    """Share of the steps in which the rate rises linearly from zero."""
    loss: Literal["ce", "bce"] = "ce"
    """Cross-entropy, or a binary cross-entropy of each class."""
    label_smoothing: float = 0.1
    """Probability given to the other classes."""
    mixup: float = 0.0
    """Alpha of mixup's Beta distribution; 0 is off."""
    cutmix: float = 0.0
    """Alpha of cutmix's; 0 is off."""
    cutout: float = 0.0
    """Side of the square that is cut out, as a share of the image's; 0 is off."""
    erase: float = 0.0
    """Probability of random erasing."""
    jitter: float = 0.0
    """Strength of the colour jitter; 0 is off."""
    policy: Literal["none", "randaugment", "trivialaugment"] = "none"
    """Automatic augmentation."""
    magnitude: float = 9
    """Of randaugment, 0 to 10."""
    repeats: int = 1
    """How often an image comes in a pass, each time augmented anew; the pass has as many steps."""
    drop_path: float = 0.0
    """Stochastic depth: the probability to drop the last unit, linear in depth."""
    ema: float = 0.0
    """Decay of the average of the weights that is validated and kept; 0 is off."""
    clip: float = 0.0
    """Largest norm of the gradient; 0 is off."""
    train_size: int | None = None
    """Side of the training crops in pixels, where it differs from the network's input."""

    def __post_init__(self) -> None:
        """Refuse numbers outside their range, naming the option."""
        for name, holds, expected in self._ranges():
            if getattr(self, name) is not None and not holds:
                raise InputError(
                    f"{name.replace('_', '-')} is {getattr(self, name)}; expected {expected}"
                )

    def _ranges(self) -> Iterator[tuple[str, bool, str]]:
        for name in ("epochs", "accumulate", "repeats", "train_size"):
            yield name, _at_least(getattr(self, name), 1), "1 or more"
        yield "least_steps", _at_least(self.least_steps, 0), "0 or more"
        yield "batch_size", _at_least(self.batch_size, 2), "2 or more"
        yield "learning_rate", self.learning_rate is None or self.learning_rate > 0, "above 0"
        for name in ("weight_decay", "mixup", "cutmix", "jitter", "clip"):
            yield name, _at_least(getattr(self, name), 0), "0 or more"
        for name in ("momentum", "label_smoothing", "ema", "drop_path"):
            value = getattr(self, name)
            yield name, value is None or 0 <= value < 1, "0 or more and below 1"
        for name in ("warmup", "cutout", "erase", "factor"):
            value = getattr(self, name)
            yield name, value is None or 0 <= value <= 1, "a share, 0 to 1"
        yield "magnitude", self.magnitude is None or 0 <= self.magnitude <= 10, "0 to 10"
        shares = self.milestones or ()
        rising = all(a < b for a, b in pairwise(shares))
        yield "milestones", rising and all(0 < s < 1 for s in shares), "rising shares of the run"

    @classmethod
    def settings(cls) -> tuple[str, ...]:
        """Return the names of all settings."""
        return tuple(field.name for field in fields(Recipe))


def _at_least(value: float | None, least: float) -> bool:
    return value is None or value >= least
