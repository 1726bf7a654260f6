"""Whatever is given as data becomes images that the network takes, with their labels."""

import random
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor, nn
from torch.utils.data import DataLoader, IterableDataset, TensorDataset

from plusx import InputError, create, list_models
from plusx.catalog import family_of
from plusx.data import centre, normalise, open_data
from plusx.doctor.given import SHOWN, material_for
from plusx.doctor.material import Material

ANY = nn.Linear(1, 1)


def pairs(count: int = 20) -> tuple[Tensor, Tensor]:
    return torch.randn(count, 3, 8, 8), torch.arange(count) % 4


def test_images_and_labels_are_taken_as_they_are() -> None:
    x, y = pairs()
    found = material_for(ANY, (x, y))
    assert found.x is x and found.y is not None and torch.equal(found.y, y) and found.real
    assert material_for(ANY, x).y is None
    same = Material(x=x, y=y)
    assert material_for(ANY, same) is same


def test_images_that_lie_class_by_class_are_mixed() -> None:
    x, y = pairs()
    order = y.sort(stable=True).indices
    found = material_for(ANY, (x[order], y[order]))
    assert found.y is not None and len(set(found.y[:8].tolist())) > 1
    labels = {float(image.sum()): int(label) for image, label in zip(x, y, strict=True)}
    assert all(labels[float(i.sum())] == int(k) for i, k in zip(found.x, found.y, strict=True))


def test_targets_that_are_no_classes_are_left_out() -> None:
    x, y = pairs()
    found = material_for(ANY, (x, y.float()))
    assert found.y is None and "no classes" in found.notes[0]


class Stream(IterableDataset[tuple[Tensor, int]]):
    def __iter__(self) -> Iterator[tuple[Tensor, int]]:
        return iter([(torch.full((1,), float(i)), i % 3) for i in range(2000)])


def test_sets_and_loaders_are_read_as_far_as_needed_and_leave_no_trace() -> None:
    x, y = pairs(2000)
    data = TensorDataset(x, y)
    torch.manual_seed(1)
    random.seed(1)
    before = torch.get_rng_state(), random.getstate()
    loaded = material_for(ANY, DataLoader(data, batch_size=100, shuffle=True))
    assert len(loaded.x) == 600
    drawn = material_for(ANY, data)
    assert len(drawn.x) == SHOWN and drawn.y is not None and len(set(drawn.y.tolist())) == 4
    streamed = material_for(ANY, Stream())
    assert len(streamed.x) == SHOWN and streamed.y is not None
    assert torch.equal(torch.get_rng_state(), before[0]) and random.getstate() == before[1]


@pytest.mark.parametrize(
    ("data", "words"),
    [
        ([1, 2], "data is a list, expected images"),
        (DataLoader(range(4)), "gives a Tensor, expected pairs"),  # type: ignore[arg-type]
        (TensorDataset(torch.zeros(0, 3), torch.zeros(0)), "is empty"),
        ((torch.zeros(3, 1), torch.zeros(2)), "3 images and labels"),
    ],
)
def test_what_is_no_data_is_refused(data: object, words: str) -> None:
    with pytest.raises(InputError, match=words):
        material_for(ANY, data)


def test_an_open_set_is_normalised_as_it_is_trained_on() -> None:
    data = open_data("digits")
    found = material_for(ANY, data)
    assert found.train is not None and found.test is not None and found.spec == data.input
    assert len(found.train.labels) == len(data.train) == found.samples
    assert len(found.x) == SHOWN and found.y is not None and found.test_x is not None
    seen = normalise(centre(found.train.images, data.input.size), data.input)
    for image, label in zip(found.x[:20], found.y[:20], strict=True):
        places = (seen == image).flatten(1).all(1).nonzero().flatten()
        assert len(places) and int(found.train.labels[places[0]]) == int(label)
    assert found.augment is not None
    crops = [
        found.augment(found.train.images[:4], torch.Generator().manual_seed(s)) for s in (0, 1)
    ]
    assert crops[0].shape == (4, 1, 8, 8) and crops[0].dtype == torch.uint8
    assert not torch.equal(*crops)


def test_of_files_that_have_to_be_decoded_some_are_read(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    for kind in ("cat", "dog"):
        (tmp_path / kind).mkdir()
        for number in range(30):
            pixels = rng.integers(0, 255, (40, 30, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(tmp_path / kind / f"{number}.png")
    data = open_data(tmp_path, memory_limit=0)
    assert not data.in_memory
    found = material_for(ANY, data)
    assert found.train is not None and len(found.train.labels) == len(data.train)
    assert found.x.shape[1:] == (3, data.input.size, data.input.size)
    places = [list(data.train.names).index(name) for name in found.train.names]
    assert places == sorted(places)
    assert torch.equal(found.train.labels, data.train.labels[places])


@pytest.mark.full
def test_every_family_gets_an_input_that_it_takes() -> None:
    seen = set()
    for name in list_models():
        family = family_of(name)
        if family.name in seen:
            continue
        seen.add(family.name)
        with torch.device("meta"):
            model = create(name, num_classes=4, in_channels=family.in_channels)
        found = material_for(model, None, size=None)
        assert not found.real and len(found.x) == 16
    assert len(seen) > 20


class Bags(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.embed = nn.Embedding(50, 8)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.embed(x).mean(1)
        return y


@pytest.mark.parametrize(
    ("model", "shape"),
    [
        (nn.Sequential(nn.Conv2d(5, 4, 3)), (16, 5, 32, 32)),
        (nn.Sequential(nn.Conv2d(3, 4, 7, stride=2)), (16, 3, 224, 224)),
        (nn.Sequential(nn.Conv2d(1, 4, 5), nn.Flatten(), nn.Linear(4 * 24**2, 3)), (16, 1, 28, 28)),
        (nn.Sequential(nn.Conv1d(2, 4, 3)), (16, 2, 128)),
        (nn.Sequential(nn.Linear(7, 3)), (16, 7)),
        (nn.Sequential(nn.Flatten(), nn.Linear(3 * 8 * 8, 3)), (16, 192)),
        (nn.GRU(6, 5), (16, 16, 6)),
        (Bags(), (16, 32)),
    ],
)
def test_an_input_is_made_up_that_fits_the_first_layer(
    model: nn.Module, shape: tuple[int, ...]
) -> None:
    state = torch.get_rng_state()
    assert material_for(model, None).x.shape == shape
    assert torch.equal(state, torch.get_rng_state())


def test_the_size_that_is_given_is_made_up() -> None:
    assert material_for(nn.Sequential(nn.Conv2d(3, 4, 3)), None, size=20).x.shape[-1] == 20
    assert material_for(create("resnet8"), None, size=16).x.shape == (16, 3, 16, 16)


def test_a_network_that_takes_nothing_is_refused_with_what_it_said() -> None:
    class Broken(nn.Sequential):
        def forward(self, x: Tensor) -> Tensor:
            raise NameError("name 'y' is not defined")

    with pytest.raises(InputError, match=r"32\) gives NameError: name 'y' is not defined"):
        material_for(Broken(nn.Conv2d(3, 4, 3)), None)
