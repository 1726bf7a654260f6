"""VGG and dense networks: by hand, and what their papers say of them."""

import pytest
import torch
import torch.nn.functional as F
from reference_bottlenecks import vgg
from torch import nn

from plusx import InputError, create, list_models, units
from plusx.catalog import family_of
from randomise import randomise

VGGS = [
    pytest.param(name, marks=() if name == "vgg11_bn_cifar" else pytest.mark.full)
    for name in list_models("vgg*")
]
DENSE = ["mlp2_16", "mlp3_512", "mlp8_512", "residual_mlp4_16", "residual_mlp8_512"]


@pytest.mark.parametrize("name", VGGS)
@pytest.mark.parametrize("training", [False, True])
def test_a_vgg_equals_the_hand_written_network(name: str, training: bool) -> None:
    options = {} if name.endswith("cifar") else {"dropout": 0}
    model = create(name, num_classes=10, **options).double().train(training)
    randomise(model)
    images = torch.randn(3, 3, 32, 32).double()
    state = {key: tensor.clone() for key, tensor in model.state_dict().items()}
    with torch.no_grad():
        want, found = vgg(images, state, training=training), model(images)
    assert (found - want).abs().max() <= 1e-9 * want.abs().max()


@pytest.mark.parametrize("name", DENSE)
def test_a_dense_network_equals_the_hand_written_one(name: str) -> None:
    model = create(name, num_classes=10, in_channels=2, image_size=5).double()
    randomise(model)
    images = torch.randn(3, 2, 5, 5).double()
    w = iter(model.parameters())

    def linear(x: torch.Tensor) -> torch.Tensor:
        return F.linear(x, next(w), next(w))

    layers = int(name.split("mlp")[1].split("_")[0])
    x = F.relu(linear(images.flatten(1)))
    if name.startswith("residual"):
        for _ in range(layers // 2 - 1):
            x = F.relu(x + linear(F.relu(linear(x))))
    else:
        for _ in range(layers - 2):
            x = F.relu(linear(x))
    with torch.no_grad():
        assert torch.allclose(model(images), linear(x), rtol=1e-12)


@pytest.mark.parametrize("name", ["mlp3_512", "residual_mlp8_512"])
def test_a_dense_network_has_as_many_linear_layers_as_its_name_says(name: str) -> None:
    model = create(name, num_classes=10, in_channels=1)
    linears = [module for module in model.modules() if isinstance(module, nn.Linear)]
    assert len(linears) == int(name.split("mlp")[1].split("_")[0])
    assert len(units(model)) == (3 if name.startswith("residual") else 0)


def test_a_vgg_has_as_many_layers_as_its_name_says() -> None:
    for name in list_models("vgg*"):
        with torch.device("meta"):
            model = create(name)
        layers = [m for m in model.modules() if isinstance(m, nn.Conv2d | nn.Linear)]
        missing = 2 if name.endswith("cifar") else 0
        assert f"vgg{len(layers) + missing}" == name.split("_")[0]


def test_a_vgg_drops_half_of_its_dense_layers_in_training() -> None:
    with torch.device("meta"):
        model = create("vgg11")
    assert [m.p for m in model.modules() if isinstance(m, nn.Dropout)] == [0.5, 0.5]


def test_images_of_another_size_are_refused_by_a_dense_network() -> None:
    model = create("mlp3_512", num_classes=10, in_channels=1)
    with pytest.raises(ValueError, match=r"for images of \(1, 28, 28\) got \(1, 32, 32\)"):
        model(torch.zeros(2, 1, 32, 32))


@pytest.mark.parametrize(
    ("name", "options", "words"),
    [
        ("mlp1_512", {}, "two layers"),
        ("mlp3_0", {}, "one channel"),
        ("residual_mlp7_512", {}, "even number"),
        ("residual_mlp2_512", {}, "four or more"),
        ("mlp3_512", {"image_size": 0}, "1 to 512"),
        ("mlp3_512", {"image_size": 28.0}, "whole number"),
        ("mlp3_512", {"drop_path": 0.5}, "has none"),
        ("residual_mlp8_512", {"attention": "cbam"}, "neighbouring places"),
        ("vgg12", {}, "there is no network"),
        ("vgg16", {"dropout": 1}, "0 to 0.9"),
        ("vgg16_cifar", {"dropout": 0.5}, "no option 'dropout'"),
        ("vgg16_cifar", {"attention": "se"}, "this network has none"),
    ],
)
def test_wrong_calls_say_what_is_right(name: str, options: dict[str, object], words: str) -> None:
    with pytest.raises(InputError, match=words):
        create(name, **options)


def test_what_a_vgg_cannot_pool_it_refuses() -> None:
    with pytest.raises(RuntimeError, match="too small"):
        create("vgg11_cifar", num_classes=10).eval()(torch.zeros(1, 3, 16, 16))


def test_family_of_the_small_vgg_says_that_it_is_not_the_papers() -> None:
    assert any("small images" in line for line in family_of("vgg16_cifar").deviations)
