"""Gradients, registration and sharing: broken on purpose, against the healthy twin."""

import pytest
import torch
from torch import Tensor, nn
from wiring_nets import Block, Net, Tokens, causes, found, patient

from plusx import create
from plusx.doctor.wiring.gradient import gradient, gradients
from plusx.doctor.wiring.registered import registered
from plusx.doctor.wiring.shared import shared

TOKENS = torch.arange(24).view(4, 6) % 11


@pytest.mark.parametrize("look", [gradient, registered, shared])
@pytest.mark.parametrize(
    "name", ["resnet8", "rezero_resnet20", "fixup_resnet20", "preact_resnet20"]
)
def test_healthy_networks_are_fine_although_units_begin_at_zero(look, name: str) -> None:
    model = create(name, num_classes=5)
    assert [f.verdict for f in found(look, model, torch.randn(4, 3, 16, 16))] == ["fine"]


@pytest.mark.parametrize("look", [gradient, registered, shared])
def test_a_tied_embedding_is_fine(look) -> None:
    assert [f.verdict for f in found(look, Tokens(), TOKENS)] == ["fine"]


def test_an_unused_layer_is_named() -> None:
    model = Net()
    model.blocks[1].extra = nn.Conv2d(6, 6, 3)
    (finding,) = found(gradient, model)
    assert (finding.cause, finding.place) == ("unused parameter", "blocks.1.extra.weight")
    assert finding.figure.startswith("2 of 18 parameters")


def test_a_detach_is_no_unused_layer() -> None:
    class Detached(Net):
        def after(self, x: Tensor) -> Tensor:
            return x.detach()

    (finding,) = found(gradient, Detached())
    assert (finding.cause, finding.verdict) == ("frozen parameter", "wrong")
    assert finding.place == "stem.weight"


def test_no_grad_around_one_layer() -> None:
    class Cut(Block):
        def forward(self, x: Tensor) -> Tensor:
            with torch.no_grad():
                y = self.conv1(x)
            return x + self.norm2(self.conv2(self.norm1(y).relu()))

    model = Net()
    model.blocks[0] = Cut(6)
    (finding,) = found(gradient, model)
    assert (finding.cause, finding.place) == ("frozen parameter", "blocks.0.conv1.weight")


def test_many_layers_before_a_detach_are_one_finding() -> None:
    class Detached(Net):
        def after(self, x: Tensor) -> Tensor:
            return x.detach()

    model = Detached()
    model.blocks.extend(Block(6) for _ in range(3))  # 21 layers with the stem
    (finding,) = found(gradient, model)
    assert finding.cause == "frozen parameter"
    assert finding.figure.startswith("32 of 34 parameters")


def test_both_an_unused_and_a_cut_layer_are_told_apart() -> None:
    class Cut(Net):
        def before(self, x: Tensor) -> Tensor:
            return x + 0.1 * self.tint.detach()

    model = Cut()
    model.tint = nn.Parameter(torch.randn(3, 1, 1))
    model.spare = nn.Linear(2, 2)
    assert causes(gradient, model) == ["frozen parameter", "unused parameter"]


def test_a_frozen_parameter_is_worth_a_look_and_all_of_them_are_wrong() -> None:
    model = Net()
    model.blocks[0].conv2.weight.requires_grad_(False)
    (finding,) = found(gradient, model)
    assert (finding.cause, finding.verdict) == ("frozen parameter", "warning")
    (finding,) = found(gradient, Net().requires_grad_(False))
    assert (finding.cause, finding.verdict) == ("frozen parameter", "wrong")


def test_a_parameter_beside_layers_may_be_frozen_or_spare() -> None:
    model = Net()
    model.positions = nn.Parameter(torch.randn(3, 8, 8), requires_grad=False)
    (finding,) = found(gradient, model)
    assert finding.verdict == "fine"
    assert "1 are frozen" in finding.figure
    model.token = nn.Parameter(torch.randn(3))
    (finding,) = found(gradient, model)
    assert (finding.cause, finding.verdict) == ("unused parameter", "warning")


def test_the_gradient_is_that_of_training_also_of_a_network_in_evaluation_mode() -> None:
    class Late(Net):
        def after(self, x: Tensor) -> Tensor:
            return x + self.bias[:, None, None] if self.training else x

    model = Late()
    model.bias = nn.Parameter(torch.zeros(6))
    assert causes(gradient, model.eval()) == []


def test_a_root_of_zero_gives_no_finite_gradient() -> None:
    class Root(Net):
        def after(self, x: Tensor) -> Tensor:
            return x + (0 * x).clamp_min(0).sqrt()

    assert causes(gradient, Root()) == ["not finite"]


def test_heads_that_are_used_in_training_alone_are_used() -> None:
    class Aux(Net):
        def forward(self, x: Tensor):
            y = self.blocks(self.stem(x)).mean(dim=(2, 3))
            return {"out": self.head(y), "aux": self.aux(y)} if self.training else self.head(y)

    model = Aux()
    model.aux = nn.Linear(6, 5)
    assert causes(gradient, model) == []


def test_gradients_are_those_of_autograd() -> None:
    model = Net()
    model.stem.bias.requires_grad_(False)
    got = gradients(patient(model))
    assert got.frozen == ("stem.bias",)
    assert len(got.learning) == len(list(model.parameters())) - 1
    assert (got.missing, got.broken, got.still) == ((), (), ())


class Listed(nn.Module):
    """Images through layers in whatever `pack` makes of them."""

    def __init__(self, pack) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 6, 3, padding=1)
        self.layers = pack([nn.Conv2d(6, 6, 3, padding=1), nn.ReLU()])
        self.head = nn.Linear(6, 5)

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x)
        layers = self.layers.values() if isinstance(self.layers, dict) else self.layers
        for layer in layers:
            x = layer(x)
        return self.head(x.mean(dim=(2, 3)))


@pytest.mark.parametrize("pack", [list, tuple, lambda layers: {"a": layers[0], "b": layers[1]}])
def test_layers_in_plain_containers_are_not_registered(pack) -> None:
    assert causes(registered, Listed(pack)) == ["unregistered layer"]
    assert causes(registered, Listed(nn.ModuleList)) == []


def test_a_list_of_registered_layers_and_of_relus_is_fine() -> None:
    model = Net()
    model.all_layers = [*model.blocks, nn.ReLU()]
    assert causes(registered, model) == []


def test_a_plain_tensor_that_learns_is_not_registered() -> None:
    model = Net()
    model.scale = [torch.ones(6, requires_grad=True)]
    (finding,) = found(registered, model)
    assert (finding.cause, finding.place) == ("unregistered layer", "scale[0]")


def test_one_block_in_two_places() -> None:
    model = Net()
    model.blocks[1] = model.blocks[0]
    (finding,) = found(shared, model)
    assert (finding.cause, finding.place) == ("weights shared", "blocks.0.conv1.weight")


def test_one_parameter_in_two_layers() -> None:
    model = Net()
    model.blocks[1].conv2.weight = model.blocks[0].conv2.weight
    assert causes(shared, model) == ["weights shared"]


def test_what_every_block_of_a_class_ties_may_be_meant() -> None:
    model = Net()
    for block in model.blocks:
        block.norm2 = block.norm1
    (finding,) = found(shared, model)
    assert (finding.cause, finding.verdict) == ("weights shared", "warning")
    model.blocks[1].norm2 = nn.BatchNorm2d(6)
    (finding,) = found(shared, model)
    assert (finding.cause, finding.verdict) == ("weights shared", "wrong")


def test_another_name_for_a_layer_and_a_layer_handed_down_are_fine() -> None:
    model = Net()
    model.classifier = model.head
    assert causes(shared, model) == []
    model.position = model.blocks[1].conv2 = model.blocks[0].conv1
    assert causes(shared, model) == []


def test_a_layer_called_in_place_of_its_twin() -> None:
    class Twice(Block):
        def forward(self, x: Tensor) -> Tensor:
            y = self.norm1(self.conv1(x)).relu()
            return x + self.norm2(self.conv1(y))

    model = Net()
    model.blocks[0] = Twice(6)
    (finding,) = found(shared, model)
    assert (finding.cause, finding.place) == ("weights shared", "blocks.0.conv1")
    assert "blocks.0.conv2" in finding.figure


def test_a_batch_norm_of_two_places_is_worth_a_look_and_a_reused_linear_is_not() -> None:
    class Norms(Block):
        def forward(self, x: Tensor) -> Tensor:
            return x + self.norm1(self.conv2(self.norm1(self.conv1(x)).relu()))

    model = Net()
    model.blocks[0] = Norms(6)
    del model.blocks[0].norm2
    (finding,) = found(shared, model)
    assert (finding.cause, finding.verdict) == ("weights shared", "warning")

    class Recurrent(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.cell = nn.Linear(4, 4)

        def forward(self, x: Tensor) -> Tensor:
            for _ in range(3):
                x = x + self.cell(x).tanh()
            return x

    (finding,) = found(shared, Recurrent(), torch.randn(4, 4))
    assert finding.verdict == "fine"
    assert "1 layers are called again" in finding.figure
