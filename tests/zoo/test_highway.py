"""Highway networks: by hand, gates at the start, a hundred layers that learn."""

import pytest
import torch
import torch.nn.functional as F
from reference_highway import conv as conv_by_hand
from reference_highway import dense as dense_by_hand
from torch import Tensor, nn

from plusx import InputError, create, record, units
from plusx.data.digits import read_digits
from randomise import randomise

CARRIES = pytest.mark.parametrize("carry", ["coupled", "uncoupled"])


@CARRIES
@pytest.mark.parametrize("depth", [2, 10, 50])
def test_equals_the_hand_written_dense_network(depth: int, carry: str) -> None:
    model = create(f"highway{depth}", num_classes=10, in_channels=1, carry=carry).double()
    randomise(model)
    x = torch.randn(3, 1, 28, 28).double()
    with torch.no_grad():
        want = dense_by_hand(x, model.state_dict(), depth)
        assert torch.allclose(model(x), want, rtol=1e-10, atol=1e-12)


@CARRIES
@pytest.mark.parametrize("depth", [8, 19, 32])
def test_equals_the_hand_written_convolutional_network(depth: int, carry: str) -> None:
    model = create(f"highway_conv{depth}", num_classes=10, carry=carry).double()
    randomise(model)
    x = torch.randn(3, 3, 8, 8).double()
    with torch.no_grad():
        want = conv_by_hand(x, model.state_dict())
        assert torch.allclose(model(x), want, rtol=1e-10, atol=1e-12)
    assert len(units(model)) == depth - 4


@CARRIES
def test_gates_start_at_their_bias(carry: str) -> None:
    model = create("highway10", num_classes=10, in_channels=1, carry=carry, gate_bias=-3.0)
    for unit in units(model):
        for name, part in unit.transform.named_children():
            bias = 0.0 if name == "candidate" else -3.0
            assert torch.all(part.layer.bias == bias), name


def test_a_lower_bias_starts_nearer_to_the_identity() -> None:
    distances = []
    for bias in (-1.0, -3.0, -10.0):
        torch.manual_seed(0)
        model = create("highway10", num_classes=10, in_channels=1, gate_bias=bias)
        with torch.no_grad(), record(model) as tape:
            model(torch.randn(8, 1, 28, 28))
        distances.append(max(float((u.y - u.x).norm() / u.x.norm()) for u in tape.units.values()))
    assert distances == sorted(distances, reverse=True) and distances[-1] < 0.01


def test_the_inverse_walks_back_through_a_network() -> None:
    model = create("highway10", num_classes=10, in_channels=1).double()
    with torch.no_grad(), record(model) as tape:
        model(torch.randn(4, 1, 28, 28).double())
    for unit in units(model):
        seen = tape.units[unit.name]
        assert torch.allclose(unit.merge.inverse(seen.y, seen.transform), seen.x)


def test_stochastic_depth_has_the_mean_of_evaluation() -> None:
    model = create("highway2", num_classes=10, in_channels=1, drop_path=0.4).double()
    unit = units(model)[0]
    x = torch.randn(1, 50).double()
    with torch.no_grad():
        want = unit.module.eval()(x)
        mean = unit.module.train()(x.expand(20_000, -1)).mean(0)
    assert torch.allclose(mean, want[0], atol=0.02)


def test_layers_are_shared_out_over_the_stages() -> None:
    model = create("highway_conv32", num_classes=10)
    stages = [sum(u.name.startswith(f"stages.{i}.") for u in units(model)) for i in range(3)]
    assert stages == [10, 9, 9]


def test_other_images_need_their_size() -> None:
    model = create("highway10", num_classes=10, in_channels=3, image_size=8)
    assert model(torch.randn(2, 3, 8, 8)).shape == (2, 10)
    with pytest.raises(ValueError, match="image_size"):
        model(torch.randn(2, 3, 28, 28))


@pytest.mark.parametrize(
    ("name", "options", "words"),
    [
        ("highway1", {}, "at least 2 hidden layers"),
        ("highway_conv6", {}, "depth 7 or more"),
        ("highway10", {"gate_bias": 1.0}, "-10 to 0"),
        ("highway10", {"carry": "open"}, "coupled, uncoupled"),
        ("highway10", {"norm": "instance"}, "a vector has one"),
    ],
)
def test_wrong_calls(name: str, options: dict[str, object], words: str) -> None:
    with pytest.raises(InputError, match=words):
        create(name, num_classes=10, **options)


def plain_twin(depth: int) -> nn.Module:
    """The paper's plain network: 71 units a layer, for as many parameters; He initialisation."""
    layers: list[nn.Module] = [nn.Flatten()]
    for before in (64, *(71,) * (depth - 1)):
        layers += [nn.Linear(before, 71), nn.ReLU()]
        nn.init.kaiming_normal_(layers[-2].weight)
        nn.init.zeros_(layers[-2].bias)
    return nn.Sequential(*layers, nn.Linear(71, 10))


def loss_after(model: nn.Module, x: Tensor, labels: Tensor, lr: float, epochs: int) -> float:
    optimizer = torch.optim.SGD(model.parameters(), lr=lr, momentum=0.9)
    for _ in range(epochs):
        for rows in torch.randperm(len(x)).split(100):
            optimizer.zero_grad()
            F.cross_entropy(model(x[rows]), labels[rows]).backward()
            optimizer.step()
    with torch.no_grad():
        return float(F.cross_entropy(model(x), labels))


@pytest.mark.full
def test_a_hundred_layers_learn_with_highways_and_not_without() -> None:
    """Srivastava et al. 2015, section 3.1, figure 2, on the embedded digits."""
    digits = read_digits()
    x = digits.pixels.float().div(255).sub(0.3).div(0.38)
    labels = torch.tensor([entry.label for entry in digits.parts["train"]])
    highway = create("highway100", num_classes=10, in_channels=1, image_size=8)
    learned = loss_after(highway, x, labels, lr=0.05, epochs=15)
    rates = (0.01, 0.003, 0.001)
    plain = min(loss_after(plain_twin(100), x, labels, lr, epochs=15) for lr in rates)
    assert learned < 0.15, learned
    assert plain > 1.5, plain
