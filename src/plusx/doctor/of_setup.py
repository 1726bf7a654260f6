"""A training run that is set up, as a patient: the network, its images, how it learns."""

from functools import partial

import torch
from torch import Generator, Tensor

from plusx.data import augment
from plusx.doctor.given import SHOWN
from plusx.doctor.material import Material
from plusx.doctor.stored import DECODED, of_data
from plusx.doctor.training import Training
from plusx.train.config import TrainConfig
from plusx.train.loss import LOSSES
from plusx.train.optimize import optimizer_for, set_rates
from plusx.train.setup import Setup
from plusx.train.step import altered
from plusx.train.tune import tuning
from plusx.zoo import Network

__all__ = ["material_of", "training_of"]


def material_of(setup: Setup, *, decoded: int = DECODED) -> Material:
    """Take images of the run's data, with what its recipe does to them."""
    return of_data(setup.data, count=SHOWN, decoded=decoded, augmented=partial(_seen, setup))


def training_of(network: Network, config: TrainConfig, *, peak: float) -> Training:
    """Say how the run trains `network`: an optimizer of its own at the peak of the schedule.

    Where not all of it learns, nothing is said of the optimizer: what it leaves out is meant so.
    """
    assert config.tune is not None, "settings are resolved before a run is set up"
    loss = partial(LOSSES[config.loss], smoothing=config.label_smoothing)
    optimizer: torch.optim.Optimizer | None = None
    if config.tune in ("all", "layerwise"):
        moved = tuning(network, config.tune)
        optimizer = optimizer_for(network, moved, config)
        set_rates(optimizer, moved, peak)
    return Training(optimizer=optimizer, loss=loss, batch_size=config.batch_size)


def _seen(setup: Setup, images: Tensor, generator: Generator) -> Tensor:
    """Return stored images as training sees them, uint8; mixing of images is left out."""
    size = setup.config.train_size or setup.data.input.size
    cropped = augment(images, setup.data.policy, size=size, generator=generator)
    return altered(setup, cropped, "doctor", int(torch.randint(2**31, (), generator=generator)))
