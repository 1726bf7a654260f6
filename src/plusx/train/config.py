"""How a network is trained: the settings of one run, resolved and saved with it."""

from dataclasses import dataclass, field
from typing import Literal

from plusx.errors import InputError

__all__ = ["TrainConfig"]


@dataclass(frozen=True, kw_only=True)
class TrainConfig:
    """SGD with Nesterov momentum, a warmed-up cosine, label smoothing, crop and flip.

    He et al. 2015, section 4.2, with the cosine of Loshchilov and Hutter 2016 and the smoothing of
    Szegedy et al. 2015. None means "chosen to suit the data", and is resolved before the run.
    """

    data: str
    """A folder, a file, or one of digits, fashion-mnist, cifar10, cifar100."""
    model: str | None = None
    """A network of `plusx models`; resnet20 for small images, resnet18 for photographs."""
    options: dict[str, str | int | float] = field(default_factory=dict)
    """Other parts of the network, as in --options.stem small; `plusx info NAME` lists them."""
    epochs: int = 30
    """Passes over the training split."""
    batch_size: int | None = None
    """Images a step: up to 128, fewer where an epoch would have under 20 steps."""
    learning_rate: float | None = None
    """Peak rate: 0.1 at batch size 128, in proportion to it."""
    momentum: float = 0.9
    """Nesterov momentum."""
    weight_decay: float = 5e-4
    """L2 decay of weights; norms and biases have none."""
    schedule: Literal["cosine", "step"] = "cosine"
    """After the warm-up: a cosine to zero, or a tenth at 1/2 and again at 3/4 of the steps."""
    warmup: float = 0.05
    """Share of the steps in which the rate rises linearly from zero."""
    label_smoothing: float = 0.1
    """Probability given to the other classes."""
    size: int | None = None
    """Side of the network's input in pixels."""
    flip: bool | None = None
    """Mirror images at random."""
    seed: int = 0
    """Of split, initialisation, order and augmentation."""
    precision: Literal["32", "bf16"] | None = None
    """bf16 (mixed) where the device computes it faster, else 32."""
    device: str = "auto"
    """auto, cpu, cuda or mps."""
    workers: int | None = None
    """Processes that decode images which do not fit in memory."""

    def __post_init__(self) -> None:
        """Refuse numbers outside their range, naming the option."""
        for name, holds, expected in (
            ("epochs", self.epochs >= 1, "1 or more"),
            ("batch_size", self.batch_size is None or self.batch_size >= 2, "2 or more"),
            ("learning_rate", self.learning_rate is None or self.learning_rate > 0, "above 0"),
            ("momentum", 0 <= self.momentum < 1, "0 or more and below 1"),
            ("weight_decay", self.weight_decay >= 0, "0 or more"),
            ("warmup", 0 <= self.warmup <= 1, "a share of the steps, 0 to 1"),
            ("label_smoothing", 0 <= self.label_smoothing < 1, "0 or more and below 1"),
            ("size", self.size is None or self.size >= 1, "1 or more pixels"),
            ("workers", self.workers is None or self.workers >= 0, "0 or more"),
        ):
            if not holds:
                raise InputError(
                    f"{name.replace('_', '-')} is {getattr(self, name)}; expected {expected}"
                )
