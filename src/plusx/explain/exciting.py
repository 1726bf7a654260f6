"""excite(model, at): images that a channel answers to as strongly as it can."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from plusx.analysis.aligned import aligned
from plusx.data import InputSpec
from plusx.errors import InputError
from plusx.explain.attribution import picture
from plusx.explain.channels import At, channel_means
from plusx.explain.looking import still
from plusx.explain.moved import Motion, moved
from plusx.explain.spectrum import image_of, noise
from plusx.explain.suited import suited

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["Excited", "excite"]

A_LITTLE = Motion()
CONTRASTS = (10.0, 40.0, 160.0)
"""Of noise to begin with, in turn, where a channel is silent on the faintest."""


@dataclass(frozen=True, eq=False)
class Excited:
    """An image for each channel, (N, C, H, W) between 0 and 1, and what the channel says to it.

    `values` are the channel's mean over the places for the images as they are, `before` for the
    noise that they were made from.
    """

    at: tuple[At, ...]
    images: Tensor
    values: Tensor
    before: Tensor

    def found(self, place: int) -> bool:
        """Tell whether an image was found to which a channel says more than to noise."""
        return bool(self.values[place] > self.before[place])

    def to_json(self) -> dict[str, object]:
        """Return the channels and what they say as plain JSON values, without the images."""
        return {
            "at": [list(each) for each in self.at],
            "values": self.values.tolist(),
            "before": self.before.tolist(),
        }

    def table(self) -> str:
        """List the channels with their answers to noise and to the image."""
        lines = [("layer", "channel", "to noise", "to the image")]
        for (layer, channel), before, value in zip(self.at, self.before, self.values):
            lines.append((layer, str(channel), f"{float(before):.4g}", f"{float(value):.4g}"))
        return "\n".join(aligned(lines))

    def plot(self, axes: "list[Axes] | None" = None) -> "list[Axes]":
        """Draw the images beside each other."""
        if axes is None:
            from matplotlib import pyplot

            count = len(self.at)
            sheet = pyplot.figure(layout="constrained", figsize=(2.2 * count, 2.6))
            axes = [sheet.add_subplot(1, count, place + 1) for place in range(count)]
        for ax, image, (layer, channel) in zip(axes, self.images, self.at):
            picture(ax, image)
            ax.set_title(f"{layer}: {channel}", size="small")
        return axes


@torch.inference_mode(False)
def excite(
    model: nn.Module,
    at: Sequence[At],
    *,
    spec: InputSpec,
    steps: int = 128,
    rate: float = 0.05,
    motion: Motion = A_LITTLE,
    seed: int = 0,
    progress: Callable[[int], object] = lambda step: None,
) -> Excited:
    """Climb from noise to an image that `at`'s channel answers to most, one image for each.

    Olah et al. 2017, "Feature visualization": steps of Adam on Fourier coefficients with colours
    apart, the image moved a little at each; the aim is the channel's mean over the places. Where a
    ReLU keeps a channel silent on faint noise there is no way up: there the noise is stronger.
    `spec` says the size of the images and how the network has them normalised. Leaves no trace.

    >>> from plusx import create
    >>> spec = InputSpec(("a", "b"), 3, 16, 16, (0.5,) * 3, (0.25,) * 3)
    >>> model = create("resnet8", num_classes=2)
    >>> found = excite(model, [("stages.0.0.unit", 5)], spec=spec, steps=8)
    >>> bool(found.values > found.before), tuple(found.images.shape)
    (True, (1, 3, 16, 16))
    """
    if not at:
        raise InputError("no channel was given, expected (layer, number) of at least one")
    if steps < 1:
        raise InputError(f"steps is {steps}, expected 1 or more")
    size = spec.size, spec.size
    device = next((p.device for p in model.parameters()), torch.device("cpu"))
    generator = torch.Generator().manual_seed(seed)
    mean, std = (torch.tensor(each, device=device)[:, None, None] for each in (spec.mean, spec.std))

    def answers(images: Tensor) -> Tensor:
        return channel_means(model, suited(model, (images - mean) / std), at).diagonal()

    with still(model):
        drawn = noise(len(at), spec.channels, size, generator).to(device)
        coefficients = _heard(drawn, lambda start: answers(image_of(start, size)))
        optimizer = torch.optim.Adam([coefficients], lr=rate)
        with torch.no_grad():
            before = answers(image_of(coefficients, size))
        for _ in range(steps):
            score = answers(moved(image_of(coefficients, size), motion, generator)).sum()
            (slope,) = torch.autograd.grad(-score, [coefficients])
            coefficients.grad = slope
            optimizer.step()
            progress(1)
        with torch.no_grad():
            images = image_of(coefficients, size)
            after = answers(images)
    return Excited(tuple(at), images.cpu(), after.cpu(), before.cpu())


def _heard(drawn: Tensor, answers: Callable[[Tensor], Tensor]) -> Tensor:
    """Return coefficients to climb from: of each channel the faintest noise that moves it."""
    contrast = torch.ones(len(drawn), 1, 1, 1, 1).to(drawn)
    for stronger in (*CONTRASTS, None):
        start = (contrast * drawn).requires_grad_()
        (slope,) = torch.autograd.grad(answers(start).sum(), [start])
        silent = slope.flatten(1).abs().amax(1) == 0
        if stronger is None or not bool(silent.any()):
            break
        contrast[silent] = stronger
    return start
