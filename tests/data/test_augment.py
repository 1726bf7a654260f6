import numpy as np
import pytest
import torch
import torch.nn.functional as F

from plusx.data import InputSpec, Policy, augment, centre, draw, normalise, seen
from plusx.data.augment import _copied, _gathered
from plusx.data.boxes import boxes

SMALL = Policy(padding=4, flip=True, fill=(10, 20, 30))
PHOTOS = Policy(padding=0, flip=True, fill=(0, 0, 0), area=(0.25, 1.0))


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def noise(*shape: int) -> torch.Tensor:
    return torch.randint(0, 256, shape, dtype=torch.uint8, generator=generator(9))


@pytest.mark.parametrize(
    ("policy", "stored", "size"),
    [
        (SMALL, 32, 32),
        (Policy(0, True, (0, 0, 0)), 12, 8),
        (Policy(1, False, (0, 0, 0)), 8, 8),
        (Policy(0, True, (0, 0, 0)), 8, 8),
    ],
)
def test_against_a_loop_over_the_images(policy: Policy, stored: int, size: int) -> None:
    images = noise(16, 3, stored, stored)
    found = augment(images, policy, size=size, generator=generator())
    source = generator()
    pad = policy.padding
    top, left = torch.randint(stored + 2 * pad - size + 1, (2, 16, 1), generator=source)
    mirrored = torch.rand(16, 1, generator=source) < 0.5
    for at, image in enumerate(images):
        padded = torch.tensor(policy.fill, dtype=torch.uint8).view(3, 1, 1)
        padded = padded.repeat(1, stored + 2 * pad, stored + 2 * pad)
        padded[:, pad : pad + stored, pad : pad + stored] = image
        crop = padded[:, top[at] : top[at] + size, left[at] : left[at] + size]
        assert torch.equal(found[at], crop.flip(2) if policy.flip and mirrored[at] else crop)


def test_the_way_of_other_devices_gives_the_same_windows() -> None:
    images = noise(16, 3, 40, 40)
    draws = draw(Policy(0, True, (0, 0, 0)), 16, size=32, stored=40, generator=generator())
    assert torch.equal(_gathered(images, draws, 32), _copied(images, draws, 32))


def test_a_pure_function_of_its_generator() -> None:
    images, before = noise(8, 3, 32, 32), torch.get_rng_state()
    kept = images.clone()
    first = augment(images, SMALL, size=32, generator=generator())
    assert torch.equal(first, augment(images, SMALL, size=32, generator=generator()))
    assert not torch.equal(first, augment(images, SMALL, size=32, generator=generator(1)))
    assert torch.equal(torch.get_rng_state(), before)
    assert torch.equal(images, kept)


def test_every_offset_and_both_sides_occur() -> None:
    images = torch.zeros(4000, 1, 8, 8, dtype=torch.uint8)
    images[:, 0, 4, 3] = 255
    found = augment(images, Policy(1, True, (0,)), size=8, generator=generator())
    rows, columns = found[:, 0].flatten(1).argmax(1).div(8, rounding_mode="floor"), None
    columns = found[:, 0].flatten(1).argmax(1) % 8
    assert set(rows.tolist()) == {3, 4, 5}
    assert set(columns.tolist()) == {2, 3, 4, 5}  # 3 and 4 mirrored: 7 - 3 = 4


def test_centre() -> None:
    images = torch.arange(36, dtype=torch.uint8).view(1, 1, 6, 6)
    assert centre(images, 2).flatten().tolist() == [14, 15, 20, 21]
    assert torch.equal(centre(images, 6), images)


@pytest.mark.parametrize("channels", [1, 3])
def test_normalise(channels: int) -> None:
    mean, std = (0.5, 0.4, 0.3)[:channels], (0.2, 0.3, 0.4)[:channels]
    spec = InputSpec(("a", "b"), channels, 8, 8, mean, std)
    images = noise(4, channels, 8, 8)
    found = normalise(images, spec)
    expected = (images.double() / 255 - torch.tensor(mean).view(-1, 1, 1)) / torch.tensor(std).view(
        -1, 1, 1
    )
    assert found.dtype == torch.float32
    assert found.is_contiguous(memory_format=torch.channels_last)
    assert torch.allclose(found.double(), expected, atol=1e-5)


def test_padding_is_nearly_zero_after_normalisation() -> None:
    spec = InputSpec(("aa", "bb"), 1, 8, 8, (0.3333,), (0.25,))
    fill = torch.full((1, 1, 8, 8), round(255 * 0.3333), dtype=torch.uint8)
    assert normalise(fill, spec).abs().max() <= 0.5 / 255 / 0.25 + 1e-6


@pytest.mark.parametrize("stored", [40, 50])
def test_resized_crops_against_interpolate(stored: int) -> None:
    images = noise(24, 3, stored, stored)
    found = augment(images, PHOTOS, size=32, generator=generator())
    draws = draw(PHOTOS, 24, size=32, stored=stored, generator=generator())
    places = boxes(draws.crops.numpy(), np.full((24, 2), stored), PHOTOS).tolist()
    assert 0 < draws.mirrored.sum() < 24
    for at, (left, top, width, height) in enumerate(places):
        cut = images[at : at + 1, :, top : top + height, left : left + width].double()
        exact = F.interpolate(cut, (32, 32), mode="bilinear", align_corners=False)[0]
        exact = exact.flip(2) if draws.mirrored[at] else exact
        assert (found[at].double() - exact).abs().max() <= 2


def test_a_box_of_the_input_size_is_copied() -> None:
    whole = Policy(padding=0, flip=False, fill=(0,), area=(1.0, 1.0), aspect=(1.0, 1.0))
    images = noise(4, 1, 16, 16)
    assert torch.equal(augment(images, whole, size=16, generator=generator()), images)


@pytest.mark.parametrize("policy", [SMALL, PHOTOS, Policy(0, False, (0, 0, 0))])
def test_a_part_of_a_batch_has_the_rows_of_the_whole(policy: Policy) -> None:
    images = noise(12, 3, 40, 40)
    whole = augment(images, policy, size=32, generator=generator())
    draws = draw(policy, 12, size=32, stored=40, generator=generator())
    for start, end in ((0, 4), (4, 8), (8, 12), (3, 4)):
        part = seen(images[start:end], draws.rows(slice(start, end)), policy, size=32)
        assert torch.equal(part, whole[start:end])
    some = torch.tensor([7, 2, 2])
    assert torch.equal(seen(images[some], draws.rows(some), policy, size=32), whole[some])


def test_the_generator_moves_as_far_with_mirrors_as_without() -> None:
    for policy in (SMALL, PHOTOS):
        one, other = generator(), generator()
        draw(policy, 9, size=32, stored=40, generator=one)
        unmirrored = Policy(policy.padding, False, policy.fill, policy.area)
        drawn = draw(unmirrored, 9, size=32, stored=40, generator=other)
        assert not drawn.mirrored.any()
        assert torch.equal(one.get_state(), other.get_state())
