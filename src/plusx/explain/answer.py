"""What a network says of images: the classes that are explained, and their logits."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from plusx.errors import InputError

__all__ = ["Answer", "Target", "answer_in", "answered", "check_images", "logits_of", "run_on"]

Target = int | Sequence[int] | Tensor | None
"""A class for all images, one for each, or None: what the network says of each."""


@dataclass(frozen=True, eq=False)
class Answer:
    """A class for each image, and its logit: both (B,)."""

    targets: Tensor
    scores: Tensor


def answered(model: nn.Module, images: Tensor, target: Target) -> Answer:
    """Run `model`, in evaluation already, on `images` (B, C, H, W), of which it gets a copy."""
    check_images(images)
    return answer_in(run_on(model, images), len(images), target)


def answer_in(output: object, batch: int, target: Target) -> Answer:
    """Read the answer off what a network gives."""
    logits = logits_of(output, batch)
    targets = _targets(target, logits)
    return Answer(targets, logits.gather(1, targets[:, None])[:, 0])


def check_images(images: Tensor) -> None:
    """Refuse what is no batch of images."""
    if images.dim() != 4 or not images.is_floating_point() or not len(images):
        raise InputError(
            f"images are {tuple(images.shape)} of {images.dtype}, expected (batch, channels, "
            "height, width) of floating point, normalised as the network takes them"
        )


def run_on(model: nn.Module, x: Tensor) -> object:
    """Run the network on a copy of x, which it may write over; it says what numbers it takes."""
    try:
        return model(x.clone())
    except RuntimeError as error:
        kinds = {p.dtype for p in model.parameters() if p.is_floating_point()}
        if not kinds or x.dtype in kinds:
            raise
        expected = " or ".join(sorted(map(str, kinds)))
        raise InputError(
            f"images are {x.dtype}, expected {expected} as the network's weights are: "
            f"images.to({expected.partition(' ')[0]})"
        ) from error


def logits_of(output: object, batch: int) -> Tensor:
    """Return the logits (B, classes) in what a network gives, in float32."""
    if isinstance(output, Mapping):
        output = output.get("logits")
    if not isinstance(output, Tensor) or output.dim() != 2 or len(output) != batch:
        given = tuple(output.shape) if isinstance(output, Tensor) else type(output).__name__
        raise InputError(f"the network gives {given}, expected logits ({batch}, classes)")
    return output.float()


def _targets(target: Target, logits: Tensor) -> Tensor:
    batch, classes = logits.shape
    if target is None:
        return logits.detach().argmax(1)
    try:
        targets: Tensor | None = torch.as_tensor(target, device=logits.device)
    except (TypeError, ValueError):  # of a name
        targets = None
    if targets is None or targets.is_floating_point() or tuple(targets.shape) not in ((), (batch,)):
        raise InputError(
            f"target is {target!r}, expected the number of a class or {batch}, one for each image"
        )
    if bool(((targets < 0) | (targets >= classes)).any()):
        raise InputError(f"target is {target!r}, expected classes from 0 to {classes - 1}")
    return targets.long().expand(batch)
