"""Images as Fourier coefficients with colours apart: what feature visualisation changes.

Olah et al. 2017, "Feature visualization", section "Preconditioning and parameterization": the same
steepest ascent, but no direction of an image is favoured for its frequency or its colour.
"""

import torch
from torch import Generator, Tensor

__all__ = ["image_of", "noise"]

COLOURS = ((0.26, 0.09, 0.02), (0.27, 0.0, -0.05), (0.27, -0.09, 0.03))
"""A root of the covariance of the colours of photographs, a row a colour, as the authors give it.

Its columns are directions that vary independently: light, blue against red, green against both.
"""
CONTRAST = 0.25
"""Of the image, before it is brought between 0 and 1; the authors' too."""


def noise(
    count: int, channels: int, size: tuple[int, int], generator: Generator, *, spread: float = 0.01
) -> Tensor:
    """Draw coefficients (N, C, H, W // 2 + 1, 2) of images that are all but grey."""
    height, width = size
    shape = (count, channels, height, width // 2 + 1, 2)
    return spread * torch.randn(shape, generator=generator)


def image_of(coefficients: Tensor, size: tuple[int, int]) -> Tensor:
    """image = sigmoid(M F^-1(a / f)), (N, C, H, W) between 0 and 1; f the frequency of each a.

    M makes colours of the three independent directions; there is none for other channels.
    """
    scaled = torch.view_as_complex(coefficients) / _frequencies(size).to(coefficients)
    planes = CONTRAST * torch.fft.irfft2(scaled, s=size, norm="ortho")
    if planes.shape[1] == 3:
        colours = torch.tensor(COLOURS).to(planes)
        colours = colours / colours.norm(dim=0).max()
        planes = torch.einsum("rc,nchw->nrhw", colours, planes)
    image: Tensor = planes.sigmoid()
    return image


def _frequencies(size: tuple[int, int]) -> Tensor:
    """Return the frequency of each coefficient in cycles a pixel, that of none as of the lowest."""
    height, width = size
    down, across = torch.fft.fftfreq(height)[:, None], torch.fft.rfftfreq(width)[None]
    found: Tensor = (down**2 + across**2).sqrt().clamp_min(1 / max(size))
    return found
