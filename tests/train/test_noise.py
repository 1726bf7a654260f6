"""The noise scale of gradients, against noise that is known."""

from dataclasses import replace

import pytest
import torch

from plusx import InputError
from plusx.data import Data, InMemory, Split
from plusx.train.noise import measured_noise, noise_scale
from plusx.train.setup import Setup


def test_the_noise_scale_of_known_noise() -> None:
    """Gradients G + noise of covariance s^2 I / b: B = tr(S) / |G|^2 = dim s^2 / |G|^2."""
    generator = torch.Generator().manual_seed(0)
    dim, small, parts, sigma = 2000, 16, 8, 3.0
    true = torch.randn(dim, generator=generator, dtype=torch.float64)
    groups = []
    for _ in range(4):
        noise = torch.randn(parts, dim, generator=generator, dtype=torch.float64)
        g = true + sigma / small**0.5 * noise
        groups.append((float(g.square().sum(1).mean()), float(g.mean(0).square().sum())))
    found = noise_scale(groups, small=small, parts=parts)
    want = dim * sigma**2 / float(true.square().sum())
    assert found is not None
    scale, low, high = found
    assert scale == pytest.approx(want, rel=0.1) and low < want < high


def test_two_gradients_give_the_scale_in_closed_form() -> None:
    # |g_b|^2 = |G|^2 + S / b with |G|^2 = 2, S = 100: 12 at b = 10, 3 at B = 100
    found = noise_scale([(12.0, 3.0)] * 3, small=10, parts=10)
    assert found == pytest.approx((50.0, 50.0, 50.0))


def test_an_unclear_noise_scale_is_none() -> None:
    assert noise_scale([(1.0, 0.01), (1.0, 0.3), (1.0, 0.1)], small=16, parts=8) is None
    assert noise_scale([(1.0, 1.1)] * 3, small=16, parts=8) is None  # no variance
    with pytest.raises(InputError):
        noise_scale([(1.0, 0.5)], small=16, parts=8)


def test_the_noise_is_measured_from_gradients_of_the_first_weights(setup: Setup) -> None:
    assert measured_noise(setup, most=len(setup.data.train)) is not None
    assert measured_noise(replace(setup, data=few(setup.data, 20)), most=16) is None


def few(data: Data, count: int) -> Data:
    """The first images of a set alone."""
    train = data.train
    assert isinstance(train.images, InMemory)
    pixels = InMemory(train.images.pixels[:count])
    return replace(data, train=Split(pixels, train.labels[:count], train.names[:count]))
