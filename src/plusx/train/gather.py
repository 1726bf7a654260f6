"""All of a run that its report shows, gathered at the end."""

import torch
from torch import Tensor

from plusx.analysis.stream_figures import Streams
from plusx.analysis.streams import streams
from plusx.analysis.summary import Summary, summary
from plusx.data import batches, centre, normalise
from plusx.train.choose import build
from plusx.train.environment import environment
from plusx.train.examine import Tested
from plusx.train.health import health
from plusx.train.result import TrainResult
from plusx.train.seeds import generator_for
from plusx.train.setup import Setup
from plusx.train.state import Progress
from plusx.train.step import altered
from plusx.zoo.streams import halves

__all__ = ["gather"]

NUM_PICTURES = 10
NUM_STREAMED = 256


def gather(
    setup: Setup, progress: Progress, tested: Tested | None, *, stopped: str | None = None
) -> TrainResult:
    """Judge the run by its test, or without one where `stopped` says why it ended early."""
    data, config = setup.data, setup.config
    originals, augmented = _pictures(setup)
    broken = (*((b.name, b.reason) for b in data.broken), *dict.fromkeys(progress.broken))
    counts = torch.bincount(data.train.labels, minlength=len(data.input.classes)).tolist()
    return TrainResult(
        folder=setup.run.path,
        config=config,
        command="\n".join(filter(None, progress.commands)),
        health=health(
            epochs=progress.epochs,
            probes=progress.probes,
            test=tested.plain if tested else None,
            num_classes=len(data.input.classes),
            num_val=len(data.val),
            broken=len(broken),
            stopped=stopped,
        ),
        epochs=tuple(progress.epochs),
        probes=tuple(progress.probes),
        best_epoch=progress.best_epoch,
        test=tested.plain if tested else None,
        test_mirrored=tested.mirrored if tested else None,
        mistakes=tested.mistakes if tested else (),
        originals=originals,
        augmented=augmented,
        data_notes=data.notes,
        split_sizes={
            "training": len(data.train),
            "validation": len(data.val),
            "test": len(data.test),
        },
        class_counts=dict(zip(data.input.classes, counts, strict=True)),
        broken=broken,
        summary=_summary(setup),
        environment=environment(setup.device.type, str(config.precision)),
        seconds=progress.seconds,
        examination=progress.examination,
        streams=_streams(setup) if tested else None,
    )


def _streams(setup: Setup) -> Streams | None:
    """Take the streams apart on validation images: the test split is read once, by the test."""
    data, seed = setup.data, setup.config.seed
    if setup.spread.joint or halves(setup.network) is None:
        return None  # a network that lies on several processes cannot be asked by one
    order = torch.randperm(len(data.val), generator=generator_for(seed, "streams"))[:NUM_STREAMED]
    batch = next(batches(data.val, order, batch_size=NUM_STREAMED, device=setup.device))
    images = normalise(centre(batch.images, data.input.size), data.input)
    return streams(setup.network, images, batch.labels, classes=data.input.classes)


def _summary(setup: Setup) -> Summary:
    """Count on a network without weights: of several processes, one may have a part alone."""
    spec = setup.data.input
    with torch.device("meta"):
        network = build(setup.config, setup.data)
    return summary(network, (spec.channels, spec.size, spec.size))


def _pictures(setup: Setup) -> tuple[Tensor, Tensor]:
    """Return some training images as stored, and as the network sees them."""
    split, config = setup.data.train, setup.config
    order = torch.randperm(len(split), generator=generator_for(config.seed, "pictures"))
    stored, views = (
        next(
            batches(
                split,
                order[:NUM_PICTURES],
                batch_size=NUM_PICTURES,
                device=setup.device,
                views=views,
            )
        ).images
        for views in (None, setup.views("pictures"))
    )
    return centre(stored, setup.data.input.size).cpu(), altered(setup, views, "pictures").cpu()
