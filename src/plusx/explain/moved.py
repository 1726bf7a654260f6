"""moved(images): each shifted, scaled and turned a little at random, as a camera would."""

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Generator, Tensor

from plusx.errors import InputError

__all__ = ["Motion", "moved"]


@dataclass(frozen=True)
class Motion:
    """The most that images move: shift as a share of the side, scale as a factor, turn in degrees.

    Olah et al. 2017, "Feature visualization", section "Transformation robustness": what excites a
    channel wherever it stands is no pattern of single pixels.
    """

    shift: float = 1 / 16
    scale: float = 1.1
    turn: float = 10.0

    def __post_init__(self) -> None:
        """Refuse what is no motion."""
        if not 0 <= self.shift < 1 or self.scale < 1 or not 0 <= self.turn <= 180:
            raise InputError(
                f"{self}: expected a shift from 0 to below 1 (of the side), a scale from 1 on and "
                "a turn from 0 to 180 degrees"
            )


def moved(images: Tensor, motion: Motion, generator: Generator) -> Tensor:
    """Move each image (B, C, H, W) by its own draw, by one bilinear sampling; edges are mirrored.

    A motion of nothing gives the images themselves.
    """
    if motion == Motion(shift=0.0, scale=1.0, turn=0.0):
        return images
    count, (height, width) = len(images), images.shape[-2:]
    shifts, scales, turns = torch.rand(3, 2, count, generator=generator) * 2 - 1
    zoom = motion.scale ** scales[0]
    angle = turns[0] * math.radians(motion.turn)
    cos, sin = zoom * angle.cos(), zoom * angle.sin()
    # from -1 to 1 across the image and down it: a turn must know the sides
    rows = [
        torch.stack([cos, -sin * height / width, 2 * motion.shift * shifts[0]], 1),
        torch.stack([sin * width / height, cos, 2 * motion.shift * shifts[1]], 1),
    ]
    grid = F.affine_grid(torch.stack(rows, 1).to(images), list(images.shape), align_corners=False)
    return F.grid_sample(images, grid, padding_mode="reflection", align_corners=False)
