"""Mixup and cutmix against their formulae, one image at a time."""

import numpy as np
import pytest
import torch
from scipy import stats
from torch import Tensor

from plusx import InputError
from plusx.data.mix import _beta, mix


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def noise(*shape: int) -> Tensor:
    return torch.randint(0, 256, shape, dtype=torch.uint8, generator=generator(9))


def mixed(
    images: Tensor, labels: Tensor, *, mixup: float = 0.0, cutmix: float = 0.0, seed: int = 0
) -> tuple[Tensor, Tensor]:
    return mix(images, labels, num_classes=5, mixup=mixup, cutmix=cutmix, generator=generator(seed))


LABELS = torch.tensor([0, 1, 2, 3, 4, 0, 1, 2])


@pytest.mark.parametrize("alpha", [0.05, 0.2, 1.0, 4.0])
def test_shares_are_drawn_from_beta(alpha: float) -> None:
    source = generator()
    drawn = np.array([_beta(alpha, source) for _ in range(20_000)])
    assert drawn.mean() == pytest.approx(0.5, abs=0.015)
    assert drawn.var() == pytest.approx(1 / (4 * (2 * alpha + 1)), rel=0.04)
    # near 1, doubles are too far apart for small alphas: the half near 0 tells as much
    low = drawn[drawn < 0.5]
    assert len(low) == pytest.approx(10_000, abs=300)
    assert stats.kstest(low, lambda x: 2 * stats.beta(alpha, alpha).cdf(x)).pvalue > 0.001


@pytest.mark.parametrize("dtype", [torch.uint8, torch.float32, torch.float64])
@pytest.mark.parametrize("seed", range(5))
def test_mixup_is_the_same_sum_of_images_and_of_targets(dtype: torch.dtype, seed: int) -> None:
    images = noise(8, 3, 4, 4).to(dtype)
    found, targets = mixed(images, LABELS, mixup=1.0, seed=seed)
    assert found.dtype == (torch.float32 if dtype == torch.uint8 else dtype)
    assert targets.dtype == torch.float32
    source = generator(seed)
    torch.rand(3, generator=source, dtype=torch.float64)
    partner = torch.randperm(8, generator=source).tolist()
    share = _beta(1.0, source)
    for at, other in enumerate(partner):
        expected = share * images[at].double() + (1 - share) * images[other].double()
        torch.testing.assert_close(found[at].double(), expected, rtol=1e-6, atol=1e-4)
        wanted = torch.zeros(5)
        wanted[LABELS[at]] += share
        wanted[LABELS[other]] += 1 - share
        torch.testing.assert_close(targets[at], wanted)


@pytest.mark.parametrize("dtype", [torch.uint8, torch.float32])
@pytest.mark.parametrize("seed", range(20))
def test_the_target_of_cutmix_is_the_share_of_the_pixels(dtype: torch.dtype, seed: int) -> None:
    labels = torch.arange(5)  # image i has the colour i: its pixels tell where they are from
    images = labels.view(5, 1, 1, 1).expand(5, 2, 7, 10).to(dtype)
    found, targets = mixed(images, labels, cutmix=1.0, seed=seed)
    assert found.dtype == dtype
    for at, (image, target) in enumerate(zip(found, targets)):
        for name in range(5):
            assert float((image == name).float().mean()) == pytest.approx(float(target[name]))
        pasted = image[0] != at
        assert pasted.sum() == pasted.any(1).sum() * pasted.any(0).sum()  # one rectangle
    assert torch.equal(targets.sum(1), torch.ones(5))


def test_boxes_have_their_area_and_every_centre() -> None:
    images = torch.zeros(2, 1, 16, 16)
    images[1] = 1
    areas, seen = [], torch.zeros(16, 16)
    for seed in range(4000):
        found, _ = mixed(images, torch.tensor([0, 1]), cutmix=1.0, seed=seed)
        box = found[0, 0]  # ones where it was pasted
        areas.append(float(box.mean()))
        seen += box
    assert bool((seen > 0).all())
    assert torch.equal(seen > 0, seen.flip(0) > 0)
    # a box of a side r of 16, centred evenly: its clipped length has the mean over all centres
    sides = [int(16 * (1 - share) ** 0.5) for share in np.linspace(0, 1, 2001)]
    expected = []
    for side in sides:
        lengths = [min(c - side // 2 + side, 16) - max(c - side // 2, 0) for c in range(16)]
        expected.append((np.mean(lengths) / 16) ** 2)
    # half of the permutations of two images change nothing
    assert np.mean(areas) == pytest.approx(np.mean(expected) / 2, rel=0.06)


def test_each_has_half_of_the_batches_where_both_are_on() -> None:
    images = noise(8, 1, 4, 4)
    kinds = [mixed(images, LABELS, mixup=0.2, cutmix=1.0, seed=s)[0].dtype for s in range(1000)]
    assert kinds.count(torch.uint8) == pytest.approx(500, abs=60)


def test_neither_leaves_the_images_and_makes_targets() -> None:
    images = noise(8, 3, 4, 4)
    found, targets = mixed(images, LABELS)
    assert torch.equal(found, images) and found.dtype == torch.uint8
    assert torch.equal(targets, torch.nn.functional.one_hot(LABELS, 5).float())


@pytest.mark.parametrize("options", [{"mixup": 0.3}, {"cutmix": 0.7}, {"mixup": 1, "cutmix": 1}])
def test_a_pure_function_of_its_generator(options: dict[str, float]) -> None:
    images, before = noise(8, 3, 6, 6), torch.get_rng_state()
    kept = images.clone()
    found, targets = mixed(images, LABELS, **options)
    again, same = mixed(images, LABELS, **options)
    assert torch.equal(found, again) and torch.equal(targets, same)
    assert not torch.equal(targets, mixed(images, LABELS, seed=1, **options)[1])
    assert torch.equal(torch.get_rng_state(), before) and torch.equal(images, kept)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"mixup": -1.0}, "mixup is -1.0, expected an alpha"),
        ({"cutmix": float("inf")}, "cutmix is inf"),
        ({"mixup": 1e-3}, "mixup is 0.001, expected an alpha from 0.01"),
        ({"labels": LABELS[:3]}, r"labels \(3,\)"),
        ({"labels": torch.zeros(8)}, "float32.*mix before"),
        ({"images": noise(8, 4, 4)}, r"images have shape \(8, 4, 4\)"),
    ],
)
def test_wrong_inputs_are_refused(options: dict[str, object], words: str) -> None:
    given = {"images": noise(8, 1, 4, 4), "labels": LABELS, "mixup": 1.0} | options
    with pytest.raises(InputError, match=words):
        mixed(**given)
