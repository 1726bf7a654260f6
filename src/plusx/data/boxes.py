"""Where random crops of a share of the area lie in images of whatever size."""

import math

import numpy as np
import numpy.typing as npt
import torch

from plusx.data.policy import Policy

__all__ = ["boxes", "draw_crops"]

_TRIES = 10

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]


def draw_crops(policy: Policy, count: int, *, generator: torch.Generator) -> torch.Tensor:
    """Draw `count` crops before the images' sizes are known: float64 (count, 22), on the CPU.

    In each row ten areas (uniform within the policy's bounds), ten aspects (their logarithm
    uniform), and two places in [0, 1): what `boxes` makes boxes of. Ten, because a shape that
    does not fit into the image is drawn again.
    """
    assert policy.area is not None
    rows = torch.rand(
        count, 2 * _TRIES + 2, generator=generator, device=generator.device, dtype=torch.float64
    ).cpu()
    areas, aspects, places = rows.split((_TRIES, _TRIES, 2), dim=1)
    low, high = policy.area
    flat, wide = (math.log(bound) for bound in policy.aspect)
    return torch.cat(
        [low + (high - low) * areas, (flat + (wide - flat) * aspects).exp(), places], dim=1
    )


def boxes(crops: Floats, sizes: Integers, policy: Policy) -> Integers:
    """Return (left, top, width, height) of crops (N, 22) in images of (width, height)s (N, 2).

    The first of a row's ten shapes that fits is taken; where none does, the largest shape of
    an allowed aspect, in the middle (the rule that training scripts for ImageNet share). Square
    roots and products alone: exact, so a box does not depend on what is computed beside it.
    """
    rows = np.arange(len(crops))
    width, height = sizes[:, :1], sizes[:, 1:]
    areas, aspects = crops[:, :_TRIES] * width * height, crops[:, _TRIES : 2 * _TRIES]
    wide, high = np.rint(np.sqrt(areas * aspects)), np.rint(np.sqrt(areas / aspects))
    fits = (wide >= 1) & (wide <= width) & (high >= 1) & (high <= height)
    first = fits.argmax(axis=1)
    shape = np.stack([wide[rows, first], high[rows, first]], axis=1)
    room = sizes - shape
    corner = np.minimum(np.floor(crops[:, -2:] * (room + 1)), room)
    none = ~fits.any(axis=1)
    if none.any():
        shape[none] = _largest(sizes[none], policy)
        corner[none] = (sizes[none] - shape[none]) // 2
    return np.concatenate([corner, shape], axis=1).astype(np.int64)


def _largest(sizes: Integers, policy: Policy) -> Floats:
    """Return the largest (width, height)s of an allowed aspect within the sizes."""
    width, height = sizes[:, 0], sizes[:, 1]
    low, high = policy.aspect
    most = np.stack([np.rint(height * high), np.rint(width / low)], axis=1)
    largest: Floats = np.maximum(np.minimum(sizes, most), 1.0)
    return largest
