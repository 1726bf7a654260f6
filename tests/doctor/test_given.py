"""Whatever is given as data becomes images that the network takes, with their labels."""

import random
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset, IterableDataset, TensorDataset

from plusx import InputError, create, list_models
from plusx.catalog import family_of
from plusx.data import centre, normalise, open_data
from plusx.doctor import NotApplicable, Patient
from plusx.doctor.budget import Budget
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


def test_targets_that_are_no_classes_stay_targets() -> None:
    x, y = pairs()
    for targets in (y.float(), torch.rand(20, 4), y > 1, torch.zeros(20, 8, 8, dtype=torch.int64)):
        found = material_for(ANY, (x, targets))
        assert found.y is targets and found.labels is None and "no classes" in found.notes[0]
        someone = Patient(nn.Flatten(), found, budget=Budget(1.0))
        assert torch.equal(someone.y, targets[:16])
        with pytest.raises(NotApplicable, match="no classes"):
            _ = someone.labels
    found = material_for(ANY, (x, y.int()))
    assert found.labels is not None and torch.equal(found.labels, y)
    drawn = Patient(nn.Flatten(), material_for(ANY, x), budget=Budget(1.0))
    assert drawn.labels.shape == (16,) and int(drawn.labels.max()) < 3 * 8 * 8


class Both(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.head = nn.Linear(8, 3)

    def forward(
        self, pixel_values: Tensor, scale: float = 1.0, mask: Tensor | None = None
    ) -> Tensor:
        y: Tensor = scale * self.head(pixel_values)
        return y if mask is None else y * mask


def test_every_usual_form_of_a_batch_is_taken_apart() -> None:
    x, mask, y = torch.randn(40, 8), torch.rand(40, 1), torch.arange(40) % 3
    plain: list[object] = [
        (x, y),
        [x, y],
        {"pixel_values": x, "labels": y},
        {"image": x, "label": y, "index": torch.arange(40), "path": ["a"] * 40},
        [x, y, torch.arange(40)],
        ({"pixel_values": x}, y),
    ]
    for data in plain:
        found = material_for(Both(), data)
        assert found.x is x and found.context == ()
        assert found.labels is not None and torch.equal(found.labels, y)
    several: list[object] = [
        {"mask": mask, "pixel_values": x, "target": y},
        ({"x": x, "mask": mask}, y),
    ]
    for data in several:
        found = material_for(Both(), data)
        assert torch.equal(found.x, x[:16]) and found.context[0] == 1.0
        assert torch.equal(found.context[1], mask[:16])  # type: ignore[arg-type]
    found = material_for(nn.Bilinear(8, 1, 3), ((x, mask), y))
    assert torch.equal(found.context[0], mask[:16])  # type: ignore[arg-type]
    assert material_for(Both(), {"pixel_values": x}).y is None


def test_samples_of_several_inputs_stay_together() -> None:
    x, y = torch.arange(40.0)[:, None], torch.arange(40) // 20
    found = material_for(nn.Bilinear(1, 1, 2), ((x, 2 * x), y))
    assert torch.equal(found.context[0], 2 * found.x)  # type: ignore[arg-type]
    assert found.y is not None and torch.equal(found.y, (found.x[:, 0] >= 20).long())
    assert found.y.unique().tolist() == [0, 1]


def test_a_loader_of_dicts_and_batches_of_other_lengths() -> None:
    items = [{"x": torch.full((5,), float(n)), "label": n % 3} for n in range(60)]
    found = material_for(nn.Linear(5, 3), DataLoader(items, batch_size=16))  # type: ignore[arg-type]
    assert len(found.x) == 60 and found.y is not None and found.y[:4].tolist() == [0, 1, 2, 0]
    words = [(torch.zeros(4, length), torch.zeros(4)) for length in (7, 9, 7)]
    loader: DataLoader[object] = DataLoader(words, batch_size=None)  # type: ignore[arg-type]
    assert material_for(ANY, loader).x.shape == (8, 7)


def test_a_loaders_generator_and_numpys_state_stay() -> None:
    class Noisy(Dataset[tuple[Tensor, int]]):
        def __len__(self) -> int:
            return 50

        def __getitem__(self, index: int) -> tuple[Tensor, int]:
            return torch.full((2,), float(np.random.randn())), index % 2  # noqa: NPY002

    generator = torch.Generator().manual_seed(5)
    loader = DataLoader(Noisy(), batch_size=8, shuffle=True, generator=generator)
    np.random.seed(3)  # noqa: NPY002
    before = generator.get_state()
    material_for(ANY, loader)
    assert torch.equal(generator.get_state(), before)
    assert np.random.rand() == np.random.RandomState(3).rand()  # noqa: NPY002


@pytest.mark.parametrize("kind", [torch.bfloat16, torch.float16, torch.float64])
def test_images_have_the_type_of_the_weights(kind: torch.dtype) -> None:
    model = create("resnet8", num_classes=4).to(kind)
    x, y = torch.randn(4, 3, 8, 8), torch.arange(4)
    found = material_for(model, (x, y))
    assert found.x.dtype == kind and "weights" in found.notes[0]
    assert material_for(nn.Linear(7, 3).to(kind), None).x.dtype == kind
    tokens = material_for(model, (torch.zeros(4, 8, dtype=torch.int64), y))
    assert tokens.x.dtype == torch.int64 and tokens.notes == ()
    wide = material_for(create("resnet8", num_classes=4), (x.double(), y))
    assert wide.x.dtype == torch.float64, "a type that somebody chose is not mended"


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


class Pictures(Dataset[tuple[Image.Image, int]]):
    def __len__(self) -> int:
        return 4

    def __getitem__(self, index: int) -> tuple[Image.Image, int]:
        return Image.new("RGB", (8, 8)), 0


@pytest.mark.parametrize(
    ("data", "words"),
    [
        ([1, 2], "data is a list, expected images"),
        (DataLoader(range(4)), "gives a Tensor, expected pairs"),  # type: ignore[arg-type]
        (DataLoader([{"a": 1, "b": 2}]), "gives a dict of 'a', 'b'"),  # type: ignore[arg-type]
        ({"image": "cat.png"}, "data is a dict, expected images"),
        (Pictures(), "items of the data set, a tuple of Image, int, cannot be stacked"),
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
