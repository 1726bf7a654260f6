"""No activation anywhere, against twins that bend, if only a little."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from units_nets import Net, answers, causes, patient

import plusx
from plusx.doctor.signal import CHECKS
from plusx.doctor.signal.linear import bend

LINEAR = tuple(check for check in CHECKS if check.name == "signal.linear")


def convs(activation: Callable[[], nn.Module], *, count: int = 5, last: str = "") -> nn.Sequential:
    layers: list[nn.Module] = []
    for at in range(count):
        layers += [nn.Conv2d(8 if at else 3, 8, 3, padding=1, bias=False), nn.BatchNorm2d(8)]
        layers += [activation()]
    layers += [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 4)]
    ends = {"softmax": nn.Softmax(1), "log": nn.LogSoftmax(1)}
    return nn.Sequential(*layers, *([ends[last]] if last else []))


@pytest.mark.parametrize("last", ["", "softmax", "log"])
def test_convolutions_and_norms_alone_are_a_linear_map(last: str) -> None:
    (found,) = answers(LINEAR, convs(nn.Identity, last=last))
    assert (found.verdict, found.cause, found.weight) == ("wrong", "no activation", 3)
    assert "6 layers with weights in a row" in found.figure
    assert causes(LINEAR, convs(nn.ReLU, last=last)) == []


@pytest.mark.parametrize("activation", [nn.ReLU, nn.GELU, nn.Tanh, nn.Hardswish, nn.LeakyReLU])
def test_one_activation_is_enough(activation: Callable[[], nn.Module]) -> None:
    layers = [nn.Flatten(), nn.Linear(192, 16), nn.Linear(16, 16), nn.Linear(16, 4)]
    assert causes(LINEAR, nn.Sequential(*layers)) == ["no activation"]
    assert causes(LINEAR, nn.Sequential(*layers[:2], activation(), *layers[2:])) == []


def test_an_activation_that_no_image_closes_is_one() -> None:
    model = nn.Sequential(nn.Flatten(), nn.Linear(192, 16), nn.ReLU(), nn.Linear(16, 4))
    nn.init.constant_(model[1].bias, 1.0)  # type: ignore[arg-type]
    assert causes(LINEAR, model) == []


@pytest.mark.parametrize(
    "model",
    [
        nn.Sequential(nn.Flatten(), nn.Linear(192, 4)),
        nn.Sequential(nn.BatchNorm2d(3), nn.Flatten(), nn.Linear(192, 4), nn.LogSoftmax(1)),
    ],
)
def test_a_linear_classifier_is_fine(model: nn.Module) -> None:
    assert causes(LINEAR, model) == []


def test_linear_layers_side_by_side_are_no_row() -> None:
    class Sides(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.one, self.other = nn.Linear(96, 4), nn.Linear(96, 4)

        def forward(self, x: Tensor) -> Tensor:
            one, other = x.flatten(1).split(96, dim=1)
            return self.one(one) + self.other(other)

    assert causes(LINEAR, Sides()) == []


def test_a_residual_row_without_activations() -> None:
    class Bare(nn.Module):
        def __init__(self, width: int) -> None:
            super().__init__()
            self.conv = nn.Conv2d(width, width, 3, padding=1)

        def forward(self, x: Tensor) -> Tensor:
            return x + self.conv(x)

    assert causes(LINEAR, Net(block=Bare)) == ["no activation"]


@pytest.mark.parametrize("name", ["resnet8", "rezero_resnet20", "fixup_resnet20", "plain20"])
def test_networks_of_the_zoo_bend(name: str) -> None:
    assert causes(LINEAR, plusx.create(name, num_classes=4)) == []


def test_the_figure_by_hand() -> None:
    """Of relu(x), a = 3, b = -3: f is 3 and 0, half way 0 and not 1.5; over the change of 3."""
    x = torch.ones(2, 1)
    assert bend(patient(nn.ReLU(), x), nn.ReLU(), torch.float32) == pytest.approx(0.5)
    assert bend(patient(nn.Identity(), x), nn.Identity(), torch.float64) == 0
