"""The cheap model's shortcuts against doing it the long way."""

import torch
import torch.nn.functional as F
from images_samples import digits, generator

from plusx.doctor.images.cheap import RIDGE, Cheap, features
from plusx.doctor.images.splits import training


def _problem(count: int = 40) -> tuple[Cheap, torch.Tensor]:
    x = torch.randn(count, 5, generator=generator())
    labels = (x[:, 0] > 0).long() + (x[:, 1] > 0).long()
    return Cheap.of(x, 3), labels


def test_leaving_one_out_is_fitting_without_it() -> None:
    cheap, labels = _problem()
    left = cheap.left_out(labels)
    targets = F.one_hot(labels, 3).float() - 1 / 3
    for out in (0, 7, 39):
        rest = torch.arange(40) != out
        kernel = torch.exp(-torch.cdist(cheap.x, cheap.x).square() / cheap.width)
        fitted = kernel[rest][:, rest] + RIDGE * torch.eye(39)
        expected = kernel[out, rest] @ torch.linalg.solve(fitted, targets[rest])
        assert torch.allclose(left[out], expected, atol=1e-4)


def test_scores_of_its_own_images_are_the_fit() -> None:
    cheap, labels = _problem()
    targets = F.one_hot(labels, 3).float() - 1 / 3
    expected = targets - RIDGE * (cheap.inverse @ targets)
    assert torch.allclose(cheap.scores(cheap.x, labels), expected, atol=1e-4)


def test_features_forget_brightness_and_contrast() -> None:
    images = training(digits()).images[:50]
    assert torch.allclose(features(images), features(images.float() * 3 - 70), atol=1e-3)
    assert features(torch.rand(4, 3, 64, 48)).shape == (4, 3 * 16 * 16)


def test_vectors_are_standardised_column_by_column() -> None:
    x = torch.randn(100, 2) * torch.tensor([1.0, 1e4]) + 7
    found = features(x)
    assert torch.allclose(found.mean(0), torch.zeros(2), atol=1e-4)
    assert torch.allclose(found.std(0), torch.ones(2), atol=1e-4)


def test_several_labellings_at_once_are_each_as_alone() -> None:
    cheap, labels = _problem()
    others = labels.roll(3)
    expected = [
        float((cheap.left_out(each).argmax(1) == each).float().mean()) for each in (labels, others)
    ]
    assert cheap.right(labels, others) == expected
