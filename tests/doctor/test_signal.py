"""Bad starts, dead and saturated activations, and figures against closed form."""

import math
from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from units_nets import Net, answers, causes, charts, patient

import plusx
from plusx.doctor.age import untrained
from plusx.doctor.check import Check, ask
from plusx.doctor.finding import Finding
from plusx.doctor.signal import CHECKS
from plusx.doctor.signal.shattered import shattered

START = tuple(check for check in CHECKS if check.name == "signal.start")
FIRED = tuple(check for check in CHECKS if check.name == "signal.activation")
DEPTH = tuple(check for check in CHECKS if check.name == "signal.depth")
LOSS = tuple(check for check in CHECKS if check.name == "signal.loss")


def mlp(activation: Callable[[], nn.Module] = nn.ReLU, *, depth: int = 6) -> nn.Sequential:
    layers: list[nn.Module] = [nn.Flatten(), nn.Linear(192, 32), activation()]
    for _ in range(depth - 1):
        layers += [nn.Linear(32, 32), activation()]
    model = nn.Sequential(*layers, nn.Linear(32, 4))
    for module in model.modules():
        if isinstance(module, nn.Linear):
            nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
    return model


def changed(change: Callable[[Tensor], object], at: slice = slice(None)) -> nn.Module:
    model = mlp()
    linear = [module for module in model if isinstance(module, nn.Linear)]
    with torch.no_grad():
        for layer in linear[at]:
            change(layer.weight)
    return model


@pytest.mark.parametrize(
    ("change", "at", "cause"),
    [
        (nn.init.zeros_, slice(0, 6), "initialised to zero"),
        (nn.init.zeros_, slice(2, 4), "initialised to zero"),
        (nn.init.ones_, slice(2, 3), "initialised to a constant"),
        (lambda w: w.mul_(10), slice(2, 3), "initialised too large"),
        (lambda w: w.mul_(0.01), slice(0, 6), "initialised too small"),
    ],
)
def test_a_bad_start_gets_its_cause(
    change: Callable[[Tensor], object], at: slice, cause: str
) -> None:
    found = [f for f in answers(START, changed(change, at)) if f.verdict == "wrong"]
    assert [f.cause for f in found] == [cause]
    assert found[0].place == str([1, 3, 5, 7, 9, 11, 13][at][0])


def test_lawful_starts_are_fine() -> None:
    for draw in (
        nn.init.xavier_uniform_,
        nn.init.orthogonal_,
        nn.init.kaiming_uniform_,
        lambda w: nn.init.trunc_normal_(w, std=0.02),
    ):
        assert causes(START, changed(draw)) == []
    assert causes(START, changed(nn.init.zeros_, slice(6, 7))) == []  # a head of zeros


def test_the_figure_is_the_ratio_to_the_law() -> None:
    (found,) = answers(START, changed(lambda w: w.mul_(10), slice(2, 3)))
    assert float(found.figure.split()[0]) == pytest.approx(10, rel=0.1)  # He's law, 32 x 32 drawn


@pytest.mark.parametrize("name", ["fixup_resnet20", "residual_rnn", "resnet8", "densenet22_12"])
def test_networks_that_start_as_the_identity_are_fine(name: str) -> None:
    model = plusx.create(name, num_classes=4)
    asked = patient(model, torch.randn(8, 3, 16, 16) if name != "residual_rnn" else None)
    if name == "residual_rnn":
        from plusx.doctor.made_up import made_up

        asked.material = made_up(model)
    found = [f for check in START for f in ask(check, asked) if isinstance(f, Finding)]
    assert [f.verdict for f in found] == ["fine"]


def test_both_layers_of_a_transform_at_zero_are_found() -> None:
    model = Net()
    nn.init.zeros_(model.blocks[2].conv2.weight)
    assert causes(START, model) == []  # one that ends the transform is a start as the identity
    nn.init.zeros_(model.blocks[2].conv1.weight)
    assert causes(START, model) == ["initialised to zero"]


def test_relus_dead_by_a_bias() -> None:
    model = Net()
    assert causes(FIRED, model) == []
    nn.init.constant_(model.blocks[3].bn1.bias, -20)
    (found,) = [f for f in answers(FIRED, model) if f.verdict == "wrong"]
    assert found.cause == "dead activation"
    assert found.place == "the relu after blocks.3.conv1"
    assert "1 of 10" in found.figure


def test_sigmoids_of_a_deep_plain_network() -> None:
    assert causes(FIRED, mlp(nn.Sigmoid, depth=10)) == ["saturating activation"]
    assert causes(FIRED, mlp(nn.ReLU, depth=10)) == []
    assert causes(FIRED, mlp(nn.Sigmoid, depth=2)) == []


def test_tanhs_at_their_ends() -> None:
    model = mlp(nn.Tanh, depth=3)
    assert causes(FIRED, model) == []
    with torch.no_grad():
        for layer in model:
            if isinstance(layer, nn.Linear):
                layer.weight.mul_(50)
    assert causes(FIRED, model) == ["saturating activation"]


def test_gates_do_not_saturate_the_signal() -> None:
    class Gated(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.a, self.b = nn.Linear(192, 192), nn.Linear(192, 192)

        def forward(self, x: Tensor) -> Tensor:
            return torch.sigmoid(100 * self.a(x)) * self.b(x)

    model = nn.Sequential(nn.Flatten(), *(Gated() for _ in range(6)), nn.Linear(192, 4))
    assert causes(FIRED, model) == []


class Chain(nn.Module):
    """Each layer multiplies by `factor`: with d layers between, the gradient by factor^d."""

    def __init__(self, factor: float) -> None:
        super().__init__()
        self.first = nn.Linear(192, 4, bias=False)
        self.layers = nn.ModuleList(nn.Linear(4, 4, bias=False) for _ in range(6))
        self.factor = factor
        for layer in self.layers:
            nn.init.eye_(layer.weight)  # type: ignore[arg-type]

    def forward(self, x: Tensor) -> Tensor:
        x = self.first(x.flatten(1))
        for layer in self.layers:
            grown = layer(x) * self.factor
            x = grown.detach() / self.factor + grown - grown.detach()  # x, and factor in gradients
        return x


@pytest.mark.parametrize(
    ("factor", "expected"),
    [(0.03, ["gradient vanishes"]), (30.0, ["gradient explodes"]), (1.0, [])],
)
def test_a_gradient_that_each_layer_multiplies(factor: float, expected: list[str]) -> None:
    model = Chain(factor)
    assert causes(DEPTH, model) == expected
    line = charts(DEPTH, model)["gradient by depth"].lines["gradient"]
    assert line[1] / line[2] == pytest.approx(factor, rel=1e-2)


def test_the_first_loss_is_that_of_guessing() -> None:
    model = Net()
    nn.init.zeros_(model.fc.weight)
    nn.init.zeros_(model.fc.bias)
    assert patient(model).passing.loss == pytest.approx(math.log(4))
    assert causes(LOSS, model) == []
    nn.init.normal_(model.fc.weight, std=100.0)
    assert causes(LOSS, model) == ["initialised too large"]


def test_what_is_trained_is_known_by_its_norms() -> None:
    model = Net()
    assert untrained(model) is True
    model(torch.randn(4, 3, 8, 8))
    assert untrained(model) is False
    assert untrained(mlp()) is None


def test_dead_channels_and_shares_by_hand() -> None:
    """Of four channels one is negative, one zero; the other two fire."""
    model = nn.Sequential(nn.Linear(4, 4), nn.ReLU(), nn.Linear(4, 2))
    with torch.no_grad():
        model[0].weight.copy_(torch.diag(torch.tensor([1.0, -1.0, 0.0, 2.0])))
        model[0].bias.zero_()
    x = torch.rand(16, 4) + 0.1
    (fired,) = patient(model, x).passing.fired
    assert (fired.dead, fired.channels, fired.after) == (0.5, 4, "0")
    assert fired.mean == pytest.approx(float((x[:, 0] + 2 * x[:, 3]).mean() / 4), rel=1e-4)


def test_a_linear_network_has_one_gradient() -> None:
    linear = nn.Sequential(nn.Flatten(), nn.Linear(192, 4))
    (found, chart) = ask(Check("signal.shattered", "", shattered), patient(linear))
    assert isinstance(found, Finding) and found.verdict == "fine"
    assert found.figure.startswith("cosine 1.00")
    assert chart.lines["cosine"][-1] == pytest.approx(1.0)  # type: ignore[union-attr]


def test_a_network_of_white_noise_gradients_is_shattered() -> None:
    class Wild(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.linear = nn.Linear(3072, 4)

        def forward(self, x: Tensor) -> Tensor:
            return self.linear(torch.sin(1e4 * x.flatten(1)))

    found = ask(
        Check("signal.shattered", "", shattered), patient(Wild(), torch.randn(16, 3, 32, 32))
    )
    assert isinstance(found[0], Finding) and found[0].cause == "gradient shattered"


def test_tokens_dictionaries_and_no_units() -> None:
    class Named(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.embed, self.head = nn.Embedding(10, 8), nn.Linear(8, 10)

        def forward(self, ids: Tensor) -> dict[str, Tensor]:
            return {"logits": self.head(self.embed(ids))}

    found = answers(CHECKS, Named(), torch.randint(10, (16, 5)))
    assert {f.verdict for f in found} <= {"fine", "not applicable"}


SHATTERED = (Check("signal.shattered", "", shattered, quick=False),)


def test_inputs_of_one_logit_each_have_gradients_that_are_alike() -> None:
    one, squeezed = (
        nn.Sequential(nn.Flatten(), nn.Linear(192, 8), nn.Tanh(), nn.Linear(8, 1), *end)
        for end in ((), (nn.Flatten(0),))
    )
    squeezed.load_state_dict(one.state_dict())
    x = torch.randn(16, 3, 8, 8)
    figures = [answers(SHATTERED, model, x)[0].figure for model in (one, squeezed)]
    assert figures[0] == figures[1] and figures[0].startswith("cosine")


def test_a_backbone_without_gradients_has_no_line_of_them() -> None:
    class Probe(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.body, self.head = nn.Linear(192, 8), nn.Linear(8, 4)

        def forward(self, x: Tensor) -> Tensor:
            with torch.no_grad():
                y = self.body(x.flatten(1)).relu()
            return self.head(y)

    for model in (Probe(), Probe().requires_grad_(False)):
        (found,) = answers(SHATTERED, model)
        assert (found.verdict, found.figure) == ("not applicable", "the inputs get no gradient")


def test_an_activation_of_a_single_value_raises_no_warning() -> None:
    model = nn.Sequential(nn.Flatten(), nn.Linear(192, 1), nn.ReLU(), nn.Linear(1, 2))
    asked = patient(model, torch.randn(1, 3, 8, 8))
    assert [fired.std for fired in asked.passing.fired] == [0.0]
