"""Does a network learn faster with a part than without it, and how large are its gradients?"""

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from plusx.analysis.aligned import aligned
from plusx.analysis.drawing import log_if_wide, new_axes
from plusx.analysis.gate_moments import batches
from plusx.analysis.labels import known
from plusx.edit import copy_of
from plusx.errors import InputError

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["Course", "GateLearning", "gate_learning"]

WINDOW = 10  # steps whose mean is "the loss by then": one batch's loss says little


@dataclass(frozen=True)
class Course:
    """One network's training: loss and L2 norm of the gradient at each step, before it is taken."""

    name: str
    losses: tuple[float, ...]
    gradients: tuple[float, ...]

    @property
    def end(self) -> float:
        """The mean loss of the last steps."""
        return float(np.mean(self.losses[-WINDOW:]))

    def steps_to(self, target: float) -> int | None:
        """Count the steps until the mean loss of the last ten was at most `target`, or None."""
        window = min(WINDOW, len(self.losses))
        means = np.convolve(self.losses, np.full(window, 1 / window), "valid")
        # the mean of equal numbers may lie a rounding above them
        (below,) = np.nonzero(means <= target * (1 + 1e-9))
        return int(below[0]) + window if len(below) else None


@dataclass(frozen=True)
class GateLearning:
    """Networks trained on the same batches in the same order with the same settings."""

    courses: tuple[Course, ...]

    @property
    def target(self) -> float:
        """A loss that every network came to: the highest of their ends."""
        return max(course.end for course in self.courses)

    def to_json(self) -> dict[str, Any]:
        """Return the figures as plain JSON values."""
        return {
            "target": self.target,
            "courses": [
                {**asdict(c), "end": c.end, "steps": c.steps_to(self.target)} for c in self.courses
            ],
        }

    def table(self) -> str:
        """List the networks: gradient at the start and over all steps, loss at the end, speed."""
        lines = [("network", "first gradient", "mean gradient", "loss at the end",
                  f"steps to a loss of {self.target:.3g}")]  # fmt: skip
        lines += [
            (
                course.name,
                f"{course.gradients[0]:.3g}",
                f"{np.mean(course.gradients):.3g}",
                f"{course.end:.3g}",
                str(course.steps_to(self.target) or "-"),
            )
            for course in self.courses
        ]
        return "\n".join(aligned(lines))

    def plot(self, ax: "Axes | None" = None) -> "Axes":
        """Draw the loss by step."""
        ax = ax or new_axes()
        for course in self.courses:
            ax.plot(range(1, len(course.losses) + 1), course.losses, label=course.name)
        ax.set(xlabel="step", ylabel="loss")
        log_if_wide(ax, y=[loss for course in self.courses for loss in course.losses])
        ax.legend()
        return ax


def gate_learning(
    models: Mapping[str, nn.Module],
    images: Tensor,
    labels: Tensor,
    *,
    steps: int = 100,
    batch: int = 32,
    rate: float = 0.05,
    seed: int = 0,
) -> GateLearning:
    """Train a copy of each of `models` for `steps` steps of SGD with momentum 0.9, and compare.

    `images` (N, ...) and labels (N,) are shuffled anew in each epoch, by `seed`, for all alike; the
    random state is the same, too. One seed and start says little: repeat it with others. The models
    and the random state are left as they were.
    """
    if not models or steps < 1 or rate <= 0:
        raise InputError(
            f"{len(models)} models, {steps} steps and a rate of {rate} are given; expected one "
            "model, one step, and a rate above 0, or more"
        )
    batches(images, labels, batch)  # refuses what does not fit together
    courses = []
    for name, model in models.items():
        with torch.random.fork_rng(devices=[]), torch.enable_grad():
            torch.manual_seed(seed)
            order = _order(len(images), steps, batch, seed)
            courses.append(_train(name, copy_of(model), images, labels, order, rate))
    return GateLearning(tuple(courses))


def _order(count: int, steps: int, batch: int, seed: int) -> Iterator[Tensor]:
    generator = torch.Generator().manual_seed(seed)
    whole = max(count // batch, 1)  # batches an epoch; a remainder comes in another epoch
    for step in range(steps):
        if step % whole == 0:
            places = torch.randperm(count, generator=generator)
        yield places[(step % whole) * batch :][:batch]


def _train(
    name: str,
    model: nn.Module,
    images: Tensor,
    labels: Tensor,
    order: Iterator[Tensor],
    rate: float,
) -> Course:
    learning = [parameter for parameter in model.parameters() if parameter.requires_grad]
    if not learning:
        raise InputError(f"every parameter of {name!r} is frozen, expected one that learns")
    optimizer = torch.optim.SGD(learning, lr=rate, momentum=0.9)
    model.train()
    losses, gradients = [], []
    for places in order:
        optimizer.zero_grad()
        logits = model(images[places]).float()
        loss = F.cross_entropy(logits, known(labels[places], logits.shape[1]))
        loss.backward()
        norms = [p.grad.float().norm() for p in learning if p.grad is not None]
        losses.append(float(loss.detach()))
        gradients.append(float(torch.stack(norms).norm()) if norms else 0.0)
        optimizer.step()
    return Course(name, tuple(losses), tuple(gradients))
