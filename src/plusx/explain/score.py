"""score_weights(model, images, targets, values): what the network says through each channel."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from plusx.explain.answer import logits_of, run_on
from plusx.explain.looking import still

__all__ = ["score_weights"]

CHUNK = 32
"""Images that are run at once."""


def score_weights(model: nn.Module, images: Tensor, targets: Tensor, values: Tensor) -> Tensor:
    """Return softmax over the channels of the target's logit of images times channel, (B, C, 1, 1).

    Wang et al. 2020, equations 3, 8 and 9. A channel is stretched to the image and to 0 to 1; the
    score of an empty image, which the paper takes off, is the same for all channels and drops out.
    """
    size = images.shape[-2], images.shape[-1]
    with still(model), torch.no_grad():
        # corners on corners, as pytorch-grad-cam stretches its masks
        masks = F.interpolate(values, size=size, mode="bilinear", align_corners=True)
        low, high = masks.amin((2, 3), keepdim=True), masks.amax((2, 3), keepdim=True)
        masks = (masks - low) / (high - low + 1e-8)
        rows = [
            torch.cat([_scores(model, image, part, int(target)) for part in one.split(CHUNK)])
            for image, one, target in zip(images.detach(), masks, targets)
        ]
    return torch.stack(rows).softmax(1)[:, :, None, None]


def _scores(model: nn.Module, image: Tensor, masks: Tensor, target: int) -> Tensor:
    seen = image * masks[:, None].to(image.dtype)
    return logits_of(run_on(model, seen), len(masks))[:, target]
