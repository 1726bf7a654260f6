"""torchvision:NAME and timm:NAME are built for the data, and wrong names are refused."""

import pytest

pytest.importorskip("torchvision")
pytest.importorskip("timm")

from plusx import InputError
from plusx.doctor.target import Asked, target


def test_a_library_builds_its_network_for_the_data() -> None:
    found = target("timm:resnet18", Asked(data="digits"))
    assert found.name == "timm:resnet18" and found.material.x.shape[1:] == (1, 8, 8)
    assert found.model(found.material.x[:2]).shape == (2, 10)
    found = target("torchvision:resnet18", Asked(num_classes=7, size=64))
    assert found.model(found.material.x[:2]).shape == (2, 7)
    assert not found.material.real


def test_a_network_of_one_size_gets_images_of_it() -> None:
    assert target("timm:vit_tiny_patch16_224").material.x.shape[-1] == 224
    assert target("torchvision:vit_b_32").material.x.shape[-1] == 224


def test_what_a_library_does_not_have_is_refused() -> None:
    for words, message in (
        ("timm:resnet81", "did you mean"),
        ("torchvision:resnte18", "did you mean 'resnet18'"),
    ):
        with pytest.raises(InputError, match=message):
            target(words)
    with pytest.raises(InputError, match="take 3 channels"):
        target("torchvision:resnet18", Asked(data="digits"))
    with pytest.raises(InputError, match="look at its --arg"):
        target("torchvision:resnet18", Asked(arguments={"depth": 3}))
