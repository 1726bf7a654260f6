"""Cutout and random erasing: the pixels that change, counted."""

import math

import pytest
import torch
from scipy import stats
from torch import Tensor

from plusx import InputError
from plusx.data.erase import cutout, erase


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def noise(*shape: int) -> Tensor:
    return torch.randint(1, 256, shape, dtype=torch.uint8, generator=generator(9))


def boxes(found: Tensor) -> list[tuple[int, int, int, int]]:
    """Top, bottom, left, right of where each image is zero; all of it must be one rectangle."""
    result = []
    for image in found[:, 0]:
        rows, columns = (image == 0).any(1).nonzero(), (image == 0).any(0).nonzero()
        if len(rows) == 0:
            result.append((0, 0, 0, 0))
            continue
        box = int(rows[0]), int(rows[-1]) + 1, int(columns[0]), int(columns[-1]) + 1
        assert int((image == 0).sum()) == (box[1] - box[0]) * (box[3] - box[2])
        result.append(box)
    return result


@pytest.mark.parametrize("size", [1, 4, 5, 11, 40])
def test_cutout_against_a_loop_over_the_images(size: int) -> None:
    images = noise(32, 3, 11, 13)
    found = cutout(images, size=size, fill=(1, 2, 3), generator=generator())
    source = generator()
    rows = torch.randint(11, (32, 1), generator=source)
    columns = torch.randint(13, (32, 1), generator=source)
    for at, image in enumerate(images.clone()):
        top, left = int(rows[at]) - size // 2, int(columns[at]) - size // 2
        for channel in range(3):
            image[channel, max(top, 0) : top + size, max(left, 0) : left + size] = channel + 1
        assert torch.equal(found[at], image)


def test_cutout_of_nothing_and_of_every_place() -> None:
    images = noise(2000, 1, 6, 6)
    assert torch.equal(cutout(images, size=0, fill=(0,), generator=generator()), images)
    found = cutout(images, size=1, fill=(0,), generator=generator())
    assert torch.equal((found == 0).sum((1, 2, 3)), torch.ones(2000, dtype=torch.int64))
    share = (found == 0).float().mean(0)
    assert float(share.min()) > 0.6 / 36 and float(share.max()) < 1.4 / 36


def test_erased_rectangles_have_the_area_and_aspect_that_are_asked_for() -> None:
    images = noise(4000, 1, 64, 64)
    found = erase(images, probability=1.0, fill=(0,), generator=generator())
    areas, ratios, tops = [], [], []
    for top, bottom, left, right in boxes(found):
        height, width = bottom - top, right - left
        assert 0 < height < 64 and 0 < width < 64
        areas.append(height * width / 64**2)
        ratios.append(math.log(height / width))
        tops.append(top / (64 - height))
    # rounding to pixels moves an area or a ratio a little
    assert min(areas) > 0.017 and max(areas) < 0.345
    assert stats.kstest(areas, stats.uniform(0.02, 1 / 3 - 0.02).cdf).statistic < 0.03
    end = math.log(1 / 0.3)
    assert max(map(abs, ratios)) < 1.1 * end
    assert stats.kstest(ratios, stats.uniform(-end, 2 * end).cdf).statistic < 0.04
    assert stats.kstest(tops, stats.uniform(0, 1).cdf).statistic < 0.04


def test_what_is_outside_the_box_stays_and_noise_fills_it() -> None:
    images = noise(64, 3, 16, 20)
    black = erase(images, probability=0.7, fill=(0, 0, 0), generator=generator())
    found = erase(images, probability=0.7, fill=None, generator=generator())
    hidden = (black == 0).all(1, keepdim=True).expand_as(images)
    assert torch.equal(found[~hidden], images[~hidden])
    assert torch.equal(black[~hidden], images[~hidden])
    filled = found[hidden]
    assert len(filled) > 5000
    counts = torch.bincount(filled.long(), minlength=256)
    assert stats.chisquare(counts.numpy()).pvalue > 0.001
    # neighbours, images and channels do not repeat each other
    patch = hidden[:, 0]
    assert abs(float(torch.corrcoef(found.float().movedim(1, 0)[:, patch])[0, 1])) < 0.05


@pytest.mark.parametrize("probability", [0.0, 0.25, 1.0])
def test_the_probability(probability: float) -> None:
    images = noise(2000, 1, 12, 12)
    found = erase(images, probability=probability, fill=(0,), generator=generator())
    changed = (found != images).flatten(1).any(1).float().mean()
    assert float(changed) == pytest.approx(probability, abs=0.03)


def test_boxes_that_never_fit_leave_the_image_whole() -> None:
    images = noise(50, 1, 8, 8)
    found = erase(
        images,
        probability=1.0,
        fill=(0,),
        generator=generator(),
        area=(0.9, 0.9),
        aspect=(4.0, 4.0),
    )
    assert torch.equal(found, images)


@pytest.mark.parametrize("fill", [(0, 0, 0), None])
def test_a_pure_function_of_its_generator(fill: tuple[int, ...] | None) -> None:
    images, before = noise(8, 3, 12, 12), torch.get_rng_state()
    kept = images.clone()
    found = erase(images, probability=1.0, fill=fill, generator=generator())
    assert torch.equal(found, erase(images, probability=1.0, fill=fill, generator=generator()))
    other = erase(images, probability=1.0, fill=fill, generator=generator(1))
    assert not torch.equal(found, other)
    assert torch.equal(torch.get_rng_state(), before) and torch.equal(images, kept)
    last = images.contiguous(memory_format=torch.channels_last)
    again = erase(last, probability=1.0, fill=fill, generator=generator())
    assert torch.equal(found, again)  # whatever the layout


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"images": torch.zeros(2, 1, 4, 4)}, r"\(torch.float32\), expected uint8"),
        ({"images": noise(2, 4, 4)}, r"shape \(2, 4, 4\)"),
        ({"fill": (1, 2)}, r"fill is \(1, 2\), expected a byte for each of 1"),
        ({"probability": 1.5}, "probability is 1.5, expected 0 to 1"),
        ({"area": (0.5, 0.2)}, r"area is \(0.5, 0.2\), expected two rising shares"),
        ({"aspect": (0.0, 1.0)}, "aspect is .* above 0"),
    ],
)
def test_wrong_inputs_are_refused(options: dict[str, object], words: str) -> None:
    given = {"images": noise(2, 1, 4, 4), "probability": 0.5, "fill": (0,)} | options
    with pytest.raises(InputError, match=words):
        erase(generator=generator(), **given)
    with pytest.raises(InputError, match="size is -1"):
        cutout(noise(2, 1, 4, 4), size=-1, fill=(0,), generator=generator())
