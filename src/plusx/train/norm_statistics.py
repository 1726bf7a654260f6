"""Batch norms with the statistics of other images, their weights as they were."""

from collections.abc import Iterable
from copy import deepcopy
from typing import TypeVar

import torch
from torch import Tensor, nn

from plusx.errors import InputError

__all__ = ["has_statistics", "re_estimated"]

Model = TypeVar("Model", bound=nn.Module)

_BATCH_NORMS = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d, nn.SyncBatchNorm)


def re_estimated(model: Model, batches: Iterable[Tensor]) -> Model:
    """mean = mean over the batches of their means, var = that of their variances: AdaBN.

    Li et al. 2016, "Revisiting batch normalization for practical domain adaptation", arXiv
    1603.04779, section 3.3.
    Returns a copy of `model`, in evaluation mode, whose batch norms have the statistics of
    `batches`: one pass, each (B, C, H, W) as the model takes it. Weights and everything else stay.
    Every batch counts the same, so they should be of one size, and mixed: in a batch of one class
    the norms would take the class for the domain. As in training, each norm sees its input as the
    norms below leave it with the batch's own statistics. Variances are those within a batch, where
    the paper adds what the means differ by; with batches of some dozens of images that is little.

    Raises `InputError` where `model` has no such norm, or `batches` is empty.
    """
    copy = deepcopy(model).eval()
    norms = _norms(copy)
    if not norms:
        raise InputError(
            "this network has no batch norm with running statistics, so statistics has nothing to "
            "re-estimate; expected a network with batch norm, or take --method coral"
        )
    momenta = [norm.momentum for norm in norms]
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None  # torch's word for a cumulative mean
        norm.train()  # the norms alone: dropout and stochastic depth stay off
    empty = True
    with torch.no_grad():
        for batch in batches:
            copy(batch)
            empty = False
    if empty:
        raise InputError("there are no images to take statistics of; expected at least one batch")
    for norm, momentum in zip(norms, momenta, strict=True):
        norm.momentum = momentum
        norm.eval()
    return copy


def has_statistics(model: nn.Module) -> bool:
    """Say whether `model` has batch norms with running statistics."""
    return bool(_norms(model))


def _norms(model: nn.Module) -> list[nn.modules.batchnorm._BatchNorm]:
    return [
        module
        for module in model.modules()
        if isinstance(module, _BATCH_NORMS) and module.track_running_stats
    ]
