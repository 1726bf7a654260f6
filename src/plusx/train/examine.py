"""Running a network over a split without training it: validation and the one test."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from plusx.analysis.evaluation import Evaluation, evaluation
from plusx.data import Batch, Data, Split, batches, centre, normalise
from plusx.train.result import Mistake
from plusx.train.seeds import generator_for
from plusx.train.setup import Setup

__all__ = ["Tested", "probe_batch", "test", "validate"]

BATCH = 256
NUM_MISTAKES = 12


@dataclass(frozen=True)
class Validation:
    """Mean cross-entropy and share of right answers."""

    loss: float
    accuracy: float


def validate(setup: Setup) -> Validation:
    """Measure the network as it is on the validation split."""
    ranks, images = setup.ranks, len(setup.data.val)  # each process sees its share
    order = torch.arange(ranks.share, images + ranks.shares - 1, ranks.shares)
    order = order.clamp(max=images - 1)  # as long for all: they may have one network in common
    sums = torch.zeros(3, dtype=torch.float64)
    for logits, batch in _predictions(setup, setup.data.val, order, lambda steps: None):
        own = batch.indices.to(logits.device) % ranks.shares == ranks.share
        logits, labels = logits[own], batch.labels[own]
        loss = F.cross_entropy(logits, labels, reduction="sum")
        right = (logits.argmax(1) == labels).sum()
        sums += torch.tensor([float(loss), int(right), len(labels)], dtype=torch.float64)
    loss_sum, correct, count = (ranks.sum(sums) if ranks.shares > 1 else sums).tolist()
    return Validation(loss_sum / count, correct / count)


@dataclass(frozen=True, eq=False)
class Tested:
    """The one test: the plain figures, the mistakes, and apart what mirrored views give."""

    plain: Evaluation
    mistakes: tuple[Mistake, ...]
    mirrored: Evaluation | None


def test(setup: Setup) -> Tested:
    """Read the test split, once: how the network does, and its most confident mistakes.

    Under `--views mirrored` also with the probabilities of each image and its mirror image averaged
    (Krizhevsky et al. 2012, section 4.1).
    """
    data = setup.data
    both = setup.config.views == "mirrored"
    probabilities, mirrored, labels, indices = [], [], [], []
    order = torch.arange(len(data.test))
    steps = -(-len(order) // BATCH)
    with setup.reporter.progress("test", steps) as advance:
        for logits, batch in _predictions(setup, data.test, order, advance):
            probabilities.append(logits.softmax(1).cpu())
            if both:
                turned = _logits(setup, batch.images.flip(-1)).softmax(1).cpu()
                mirrored.append((probabilities[-1] + turned) / 2)
            labels.append(batch.labels.cpu())
            indices.append(batch.indices)
    p, y, place = torch.cat(probabilities), torch.cat(labels), torch.cat(indices)
    classes = data.input.classes
    return Tested(
        evaluation(p.double().numpy(), y.numpy(), classes),
        _mistakes(data, p, y, place),
        evaluation(torch.cat(mirrored).double().numpy(), y.numpy(), classes) if both else None,
    )


def probe_batch(setup: Setup) -> tuple[Tensor, Tensor]:
    """Return the images and labels that every probe of a run looks at: drawn once."""
    count, images = setup.probe_images, len(setup.data.train)
    order = torch.randperm(images, generator=generator_for(setup.config.seed, "probe"))[:count]
    batch = next(iter(batches(setup.data.train, order, batch_size=count, device=setup.device)))
    spec = setup.data.input
    return normalise(centre(batch.images, spec.size), spec), batch.labels


def _predictions(
    setup: Setup, split: Split, order: Tensor, advance: Callable[[int], object]
) -> Iterator[tuple[Tensor, Batch]]:
    """Yield float32 logits (B, classes) in evaluation mode, batch by batch."""
    setup.network.eval()
    with torch.inference_mode():
        for batch in batches(
            split, order, batch_size=BATCH, device=setup.device, workers=setup.data.workers
        ):
            yield _logits(setup, batch.images), batch
            advance(1)


def _logits(setup: Setup, images: Tensor) -> Tensor:
    spec = setup.data.input
    return setup.spread.logits(normalise(centre(images, spec.size), spec))


def _mistakes(data: Data, p: Tensor, labels: Tensor, place: Tensor) -> tuple[Mistake, ...]:
    sure, guess = p.max(1)
    wrong = torch.nonzero(guess != labels).flatten()
    worst = wrong[sure[wrong].argsort(descending=True)][:NUM_MISTAKES]
    classes = data.input.classes
    return tuple(
        Mistake(
            name=data.test.names[int(place[i])],
            image=data.test.images.read(int(place[i])).cpu(),
            truth=classes[int(labels[i])],
            guess=classes[int(guess[i])],
            probability=float(sure[i]),
        )
        for i in worst
    )
