"""A random crop of one encoded image: decoded as small as the crop allows, and resized once."""

from typing import BinaryIO

import numpy as np
import torch
import torch.nn.functional as F

from plusx.data.boxes import Floats, boxes
from plusx.data.decode import FORMATS, plain, turn
from plusx.data.policy import Policy

__all__ = ["decode_crop", "reduction"]


def decode_crop(
    file: BinaryIO, *, channels: int, size: int, policy: Policy, crop: Floats, mirrored: bool
) -> torch.Tensor:
    """Decode the box that `crop` (22,) stands for to uint8 (channels, size, size).

    Bilinear with antialiasing; see `decode` for modes and orientation, `reading` for what it
    raises. The box is drawn in the image as it is stored and turned after: its aspect is drawn
    evenly in the logarithm, and a turn by 90 degrees is its reciprocal.
    """
    from PIL import Image

    with Image.open(file, formats=FORMATS) as image:
        ((left, top, width, height),) = boxes(crop[None], np.array([image.size]), policy).tolist()
        scale = reduction(width, height, size)
        # a JPEG can be decoded at 1/2, 1/4, 1/8 for a fraction of the time; others do not answer
        if image.draft(None, (image.width // scale, image.height // scale)):
            # colour without smoothing between its coarser pixels, and the faster of the inverse
            # transforms: a quarter less time for what nobody sees after the resize
            image.decoderconfig = (scale, 1)
        else:
            scale = 1
        turned = turn(image)
        right, bottom = -(-(left + width) // scale), -(-(top + height) // scale)
        found = plain(image, channels).crop((left // scale, top // scale, right, bottom))
    if turned is not None:
        found = found.transpose(turned)
    pixels = torch.from_numpy(np.array(found)).view(1, found.height, found.width, channels)
    # within one level of Pillow's resize, in 0.4 of its time
    resized = F.interpolate(
        pixels.permute(0, 3, 1, 2), (size, size), mode="bilinear", antialias=True
    )[0]
    return resized.flip(2) if mirrored else resized


def reduction(width: int, height: int, size: int) -> int:
    """Return the largest of 1, 2, 4, 8 by which a box can shrink and still have `size` pixels.

    >>> reduction(500, 375, 224), reduction(500, 460, 224), reduction(4000, 3000, 224)
    (1, 2, 8)
    """
    return max(scale for scale in (1, 2, 4, 8) if scale == 1 or min(width, height) >= scale * size)
