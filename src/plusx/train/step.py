"""One step of training: augment, forward, backward, update."""

from functools import partial

import torch
from torch import Tensor

from plusx.data import Batch, normalise
from plusx.data.automatic import rand_augment, trivial_augment
from plusx.data.colour import colour_jitter
from plusx.data.erase import cutout, erase
from plusx.data.mix import mix
from plusx.train.loss import LOSSES
from plusx.train.optimize import set_rates
from plusx.train.schedule import rate
from plusx.train.seeds import generator_for, seed_for
from plusx.train.setup import Setup
from plusx.train.state import Progress
from plusx.train.tune import drop_gradients, freeze, set_modes

__all__ = ["altered", "take_step"]


def take_step(setup: Setup, progress: Progress, batch: Batch, tally: Tensor) -> None:
    """Do the step at which `progress` stands; add loss, right answers and images to `tally` (3,).

    All its randomness comes from (seed, epoch, step), and of a process that is not the first from
    its rank too.
    """
    config, place = setup.config, (progress.epoch, progress.step)
    rank = [setup.ranks.rank] if setup.ranks.rank else []
    images, targets = _prepared(setup, batch, place)
    tuning = setup.tuning_at(progress.steps_done(setup.steps))
    set_modes(setup.network, tuning)
    if setup.ranks.world == 1:
        freeze(tuning)
    progress.learning_rate = setup.peak * progress.rate_scale * _multiple(setup, progress)
    set_rates(setup.optimizer, tuning, progress.learning_rate)
    torch.manual_seed(seed_for(config.seed, "network", *place, *rank))
    setup.optimizer.zero_grad()
    setup.spread.learn(
        images,
        targets,
        parts=config.accumulate,
        criterion=partial(LOSSES[config.loss], smoothing=config.label_smoothing),
        tally=tally,
    )
    drop_gradients(tuning)
    if config.clip:
        setup.spread.clip(setup.optimizer, config.clip)
    setup.optimizer.step()
    if setup.average:
        setup.average.update(setup.network)


def altered(setup: Setup, images: Tensor, *what: object) -> Tensor:
    """Return uint8 crops in other colours and with parts hidden, as the recipe wants them.

    `what` names the draw, as the place of a step.
    """
    config, fill = setup.config, setup.data.policy.fill
    generator = generator_for(config.seed, "alter", *what)
    if config.jitter:
        images = colour_jitter(
            images,
            brightness=config.jitter,
            contrast=config.jitter,
            saturation=config.jitter,
            hue=min(0.5, config.jitter / 4),
            generator=generator,
        )
    if config.policy == "randaugment":
        images = rand_augment(
            images,
            magnitude=config.magnitude,
            deviation=0.5,  # these two as in "ResNet strikes back"
            probability=0.5,
            fill=fill,
            generator=generator,
        )
    if config.policy == "trivialaugment":
        images = trivial_augment(images, fill=fill, generator=generator)
    if config.cutout:
        size = round(config.cutout * images.shape[-1])
        images = cutout(images, size=size, fill=fill, generator=generator)
    if config.erase:
        images = erase(images, probability=config.erase, fill=None, generator=generator)
    return images


def _prepared(setup: Setup, batch: Batch, place: tuple[int, int]) -> tuple[Tensor, Tensor]:
    """Return normalised images (B, C, S, S), and labels (B,) or mixed targets (B, K)."""
    config, spec = setup.config, setup.data.input
    share = [setup.ranks.share] if setup.ranks.share else []
    images, targets = altered(setup, batch.images, *place, *share), batch.labels
    if config.mixup or config.cutmix:
        images, targets = mix(
            images,
            targets,
            num_classes=len(spec.classes),
            mixup=config.mixup,
            cutmix=config.cutmix,
            generator=generator_for(config.seed, "mix", *place),
        )
    return normalise(images, spec), targets


def _multiple(setup: Setup, progress: Progress) -> float:
    config = setup.config
    return rate(
        config.schedule,
        step=progress.steps_done(setup.steps),
        total=setup.total_steps,
        warmup=config.warmup,
        milestones=config.milestones,
        factor=config.factor,
    )
