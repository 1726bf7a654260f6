import math

import numpy as np
import pytest
import torch

from plusx.data import Policy
from plusx.data.boxes import boxes, draw_crops
from plusx.errors import InputError

POLICY = Policy(padding=0, flip=True, fill=(0, 0, 0), area=(0.08, 1.0))


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def by_hand(crop: list[float], width: int, height: int, policy: Policy) -> list[int]:
    """The rule of RandomResizedCrop, one shape after another."""
    areas, aspects, (across, down) = crop[:10], crop[10:20], crop[20:]
    for area, aspect in zip(areas, aspects, strict=True):
        w = round(math.sqrt(area * width * height * aspect))
        h = round(math.sqrt(area * width * height / aspect))
        if 0 < w <= width and 0 < h <= height:
            return [int(across * (width - w + 1)), int(down * (height - h + 1)), w, h]
    low, high = policy.aspect
    w, h = width, height
    if width / height < low:
        h = max(1, round(width / low))
    elif width / height > high:
        w = max(1, round(height * high))
    return [(width - w) // 2, (height - h) // 2, w, h]


@pytest.mark.parametrize("size", [(500, 375), (375, 500), (64, 64), (40, 900), (900, 40), (1, 7)])
def test_against_one_shape_after_another(size: tuple[int, int]) -> None:
    crops = draw_crops(POLICY, 300, generator=generator()).numpy()
    found = boxes(crops, np.tile(size, (300, 1)), POLICY)
    for crop, box in zip(crops.tolist(), found.tolist(), strict=True):
        assert box == by_hand(crop, *size, POLICY)
        left, top, width, height = box
        assert 0 <= left <= left + width <= size[0] and 0 <= top <= top + height <= size[1]


def test_where_nothing_fits_it_is_the_largest_in_the_middle() -> None:
    crops = draw_crops(POLICY, 4, generator=generator()).numpy()
    found = boxes(crops, np.tile((10, 1000), (4, 1)), POLICY)
    assert found.tolist() == [[0, 493, 10, 13]] * 4


def test_areas_and_aspects_are_those_of_the_paper() -> None:
    crops = draw_crops(POLICY, 20_000, generator=generator())
    areas, aspects = crops[:, 0], crops[:, 10].log()
    assert areas.min() >= 0.08 and areas.max() <= 1
    assert areas.mean() == pytest.approx(0.54, abs=0.005)
    assert areas.std() == pytest.approx(0.92 / math.sqrt(12), rel=0.02)
    assert aspects.abs().max() <= math.log(4 / 3)
    assert aspects.mean() == pytest.approx(0, abs=0.005)
    places = crops[:, -2:]
    assert places.min() >= 0 and places.max() < 1


def test_a_box_does_not_depend_on_what_stands_beside_it() -> None:
    crops = draw_crops(POLICY, 64, generator=generator()).numpy()
    sizes = np.random.default_rng(0).integers(30, 900, (64, 2))
    whole = boxes(crops, sizes, POLICY)
    alone = [boxes(crops[at : at + 1], sizes[at : at + 1], POLICY)[0] for at in range(64)]
    assert (whole == np.stack(alone)).all()


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"area": (0.0, 1.0)}, "the area of crops is 0.0 to 1.0"),
        ({"area": (0.5, 0.25)}, "expected two shares"),
        ({"area": (0.5, 1.5)}, "expected two shares"),
        ({"area": (0.5, 1.0), "padding": 4}, "padding is 4 beside crops"),
        ({"aspect": (2.0, 1.0)}, "the aspect of crops is 2.0 to 1.0"),
        ({"aspect": (0.0, 1.0)}, "both above 0"),
    ],
)
def test_bounds_that_are_none(changes: dict[str, object], words: str) -> None:
    with pytest.raises(InputError, match=words):
        Policy(**{"padding": 0, "flip": True, "fill": (0,), **changes})


def test_a_policy_in_words() -> None:
    assert str(POLICY) == (
        "random crops of 8% to 100% of the area, width / height 0.75 to 1.33, resized, "
        "half of the images mirrored"
    )
