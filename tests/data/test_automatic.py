"""RandAugment and TrivialAugment: what is drawn, for whom, how strongly."""

from collections import Counter
from typing import Any

import pytest
import torch
from torch import Tensor

from plusx import InputError
from plusx.data import automatic
from plusx.data.automatic import rand_augment, trivial_augment
from plusx.data.operations import OPERATIONS, Ranges, operate

Call = tuple[list[int], list[float], Ranges]


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def noise(*shape: int) -> Tensor:
    return torch.randint(0, 256, shape, dtype=torch.uint8, generator=generator(9))


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[Call]:
    """What is asked of `operate`, which does nothing."""
    seen: list[Call] = []

    def watched(images: Tensor, numbers: Tensor, strengths: Tensor, **more: Any) -> Tensor:
        seen.append((numbers.tolist(), strengths.tolist(), more["ranges"]))
        return images

    monkeypatch.setattr(automatic, "operate", watched)
    return seen


def test_every_image_draws_its_own_operations(calls: list[Call]) -> None:
    rand_augment(noise(2800, 1, 2, 2), magnitude=9, fill=(0,), generator=generator(), count=3)
    assert len(calls) == 3
    for numbers, strengths, _ in calls:
        counts = Counter(numbers)
        assert set(counts) == set(range(14)) and all(140 < n < 260 for n in counts.values())
        assert all(abs(s) == pytest.approx(0.9) for s in strengths)
        assert 1250 < sum(s > 0 for s in strengths) < 1550
    assert calls[0][0] != calls[1][0]


def test_deviation_and_probability(calls: list[Call]) -> None:
    options = {"magnitude": 7, "deviation": 0.5, "probability": 0.5, "count": 1}
    rand_augment(noise(4000, 1, 2, 2), fill=(0,), generator=generator(), **options)
    (numbers, strengths, _) = calls[0]
    sizes = torch.tensor(strengths).abs()
    assert float(sizes.mean()) == pytest.approx(0.7, abs=0.005)
    assert float(sizes.std()) == pytest.approx(0.05, rel=0.1)
    still = numbers.count(0) / 4000  # the identity itself, and what is not done
    assert still == pytest.approx(0.5 + 0.5 / 14, abs=0.03)
    calls.clear()
    rand_augment(noise(500, 1, 2, 2), fill=(0,), generator=generator(), magnitude=10, deviation=3)
    assert all(abs(s) <= 1 for _, found, _ in calls for s in found)


def test_trivial_augment_draws_one_of_31_strengths(calls: list[Call]) -> None:
    trivial_augment(noise(6000, 1, 64, 64)[:, :, :1], fill=(0,), generator=generator())
    ((numbers, strengths, ranges),) = calls
    assert set(numbers) == set(range(14))
    found = Counter(round(abs(s) * 30, 4) for s in strengths)
    assert set(found) == set(range(31)) and all(130 < n < 260 for n in found.values())
    assert ranges.translate == 0.5 and ranges.bits == 2


def test_pixels_of_translation_are_at_most_the_image(calls: list[Call]) -> None:
    trivial_augment(noise(2, 1, 28, 28), fill=(0,), generator=generator())
    assert calls[0][2].translate == 1.0


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("kind", ["rand", "trivial"])
def test_bytes_in_bytes_out_by_the_generator_alone(kind: str, channels: int) -> None:
    def augmented(images: Tensor, seed: int) -> Tensor:
        fill = (1, 2, 3)[:channels]
        if kind == "trivial":
            return trivial_augment(images, fill=fill, generator=generator(seed))
        return rand_augment(images, magnitude=9, fill=fill, generator=generator(seed))

    images, before = noise(64, channels, 12, 16), torch.get_rng_state()
    kept = images.clone()
    found = augmented(images, 0)
    assert found.dtype == torch.uint8 and found.shape == images.shape
    assert torch.equal(found, augmented(images, 0))
    assert not torch.equal(found, augmented(images, 1))
    assert torch.equal(torch.get_rng_state(), before) and torch.equal(images, kept)
    assert int((found != images).flatten(1).any(1).sum()) > 40


def test_magnitude_zero_changes_only_by_what_has_no_strength() -> None:
    images = noise(200, 3, 8, 8)
    found = rand_augment(images, magnitude=0, fill=(0, 0, 0), generator=generator(), count=1)
    numbers = torch.randint(len(OPERATIONS), (1, 200), generator=generator())[0]
    fixed = numbers * ((numbers == 1) | (numbers == 2))  # autocontrast and equalize
    ranges = Ranges(enhance=0.0, shear=0.0, rotate=0.0, translate=0.0, bits=8)
    expected = operate(images, fixed, torch.zeros(200), ranges=ranges, fill=(0, 0, 0))
    assert torch.equal(found, expected)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"magnitude": 11}, "magnitude of RandAugment is 11, expected 0 to 10"),
        ({"count": -1}, "count of RandAugment is -1"),
        ({"deviation": -1.0}, "deviation"),
        ({"probability": 2.0}, "probability"),
        ({"fill": (1, 2)}, r"fill is \(1, 2\)"),
        ({"images": noise(2, 4, 8, 8)}, "1 or 3 channels"),
        ({"images": torch.zeros(2, 3, 8, 8)}, r"torch.float32\), expected uint8"),
        ({"images": noise(3, 8, 8)}, r"shape \(3, 8, 8\)"),
    ],
)
def test_wrong_inputs_are_refused(options: dict[str, Any], words: str) -> None:
    given = {"images": noise(2, 3, 8, 8), "magnitude": 9, "fill": (0, 0, 0)} | options
    with pytest.raises(InputError, match=words):
        rand_augment(generator=generator(), **given)
