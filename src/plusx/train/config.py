"""How a network is trained: the settings of one run, resolved and saved with it."""

from dataclasses import dataclass, field
from typing import Literal

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
    options: dict[str, str] = field(default_factory=dict)
    """Options of the network, as in `plusx info NAME`."""
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
