import pytest

from plusx.data import InMemory, OnDisk, open_data


def test_fashion_mnist(real_data: str) -> None:
    data = open_data("fashion-mnist")
    assert data.input.classes[9] == "Ankle boot"
    assert [len(data.train) + len(data.val), len(data.test)] == [60000, 10000]
    assert (data.input.channels, data.input.size, data.policy.padding) == (1, 28, 3)
    assert data.policy.flip
    assert data.input.mean[0] == pytest.approx(0.286, abs=0.001)
    assert data.input.std[0] == pytest.approx(0.353, abs=0.001)
    assert open_data(f"{real_data}/fashion-mnist").input == data.input


def test_photos(real_data: str) -> None:
    data = open_data(f"{real_data}/photos.zip", memory_limit=0, workers=0)
    assert isinstance(data.train.images, OnDisk)
    assert data.input.classes == ("animal", "thing")
    assert (data.input.size, data.input.stored, data.policy.padding) == (224, 256, 0)
    assert data.train.images.read(0).shape == (3, 256, 256)


@pytest.mark.full
def test_sixty_thousand_files_in_a_zip(real_data: str) -> None:
    data = open_data(f"{real_data}/cifar10-jpeg.zip")
    assert isinstance(data.train.images, InMemory)
    assert len(data.input.classes) == 10
    assert [len(data.train) + len(data.val), len(data.test)] == [50000, 10000]
    assert not data.broken
