"""Residual gates, ReZero, SkipInit, LayerScale and Fixup: by hand, and how they start."""

import pytest
import torch
import torch.nn.functional as F
from reference_scaled import fixup as fixup_by_hand
from reference_scaled import scaled as scaled_by_hand
from torch import nn

from plusx import InputError, create, record, units
from randomise import randomise

SCALED = ("gated", "rezero", "skipinit", "layerscale")
FIXUP = [
    "fixup_resnet20",
    *(pytest.param(f"fixup_resnet{d}", marks=pytest.mark.full) for d in (32, 44, 56, 110, 50)),
]
PHOTO = {"fixup_resnet50": 32}


def drawn(name: str, **options: object) -> nn.Module:
    model = create(name, num_classes=10, **options).double()
    randomise(model)
    with torch.no_grad():
        for parameter in model.parameters():
            if not parameter.any():
                parameter.normal_(0, 0.1)  # what the initialisation leaves at zero
    return model


@pytest.mark.parametrize("prefix", SCALED)
@pytest.mark.parametrize("training", [False, True])
def test_equals_the_hand_written_network(prefix: str, training: bool) -> None:
    model = drawn(f"{prefix}_resnet56").train(training)
    x = torch.randn(3, 3, 8, 8).double()
    state = {key: tensor.clone() for key, tensor in model.state_dict().items()}
    with torch.no_grad():
        want = scaled_by_hand(x, state, training=training)
        assert (model(x) - want).abs().max() <= 1e-9 * want.abs().max()


@pytest.mark.parametrize("name", FIXUP)
@pytest.mark.parametrize("training", [False, True])
def test_fixup_equals_the_hand_written_network(name: str, training: bool) -> None:
    model = drawn(name).train(training)
    x = torch.randn(3, 3, PHOTO.get(name, 8), PHOTO.get(name, 8)).double()
    with torch.no_grad():
        want = fixup_by_hand(x, model.state_dict())
        assert (model(x) - want).abs().max() <= 1e-9 * want.abs().max()


@pytest.mark.parametrize("name", ["rezero_resnet20", "skipinit_resnet20"])
def test_a_scale_of_zero_starts_every_unit_as_its_shortcut(name: str) -> None:
    model = create(name, num_classes=10)
    with torch.no_grad(), record(model) as tape:
        model(torch.randn(2, 3, 8, 8))
    for unit in tape.units.values():
        assert torch.equal(unit.y, unit.shortcut)


def test_a_gate_of_one_starts_as_the_resnet() -> None:
    gated, resnet = create("gated_resnet20", num_classes=10), create("resnet20", num_classes=10)
    gated.load_state_dict(resnet.state_dict(), strict=False)
    x = torch.randn(2, 3, 8, 8)
    assert torch.equal(gated(x), resnet(x))


@pytest.mark.parametrize(
    ("name", "shape", "start"),
    [
        ("rezero_resnet20", (), 0.0),
        ("skipinit_resnet20", (), 0.0),
        ("layerscale_resnet20", (16, 1, 1), 0.1),
    ],
)
def test_shapes_and_starts_of_scales(name: str, shape: tuple[int, ...], start: float) -> None:
    for value in (start, 0.5):
        options = {} if value == start else {"scale": value}
        scale = units(create(name, num_classes=10, **options))[0].merge.scale
        assert scale.shape == shape and torch.all(scale == value)


@pytest.mark.parametrize("name", ["skipinit_resnet20", "fixup_resnet20", "fixup_resnet50"])
def test_there_is_no_norm_at_all(name: str) -> None:
    names = {type(module).__name__ for module in create(name, num_classes=10).modules()}
    assert [name for name in names if "Norm" in name or name == "Bias"] == ["NoNorm"]


@pytest.mark.parametrize(
    ("name", "convs", "num_units", "power"),
    [("fixup_resnet56", 2, 27, -1 / 2), ("fixup_resnet50", 3, 16, -1 / 4)],
)
def test_fixup_starts_by_its_rules(name: str, convs: int, num_units: int, power: float) -> None:
    """Zhang et al. 2019, section 3: L^(-1 / (2m - 2)), zero last layers, shifts 0, scales 1."""
    model = create(name, num_classes=10)
    assert len(units(model)) == num_units
    assert not model.head.linear.weight.any() and not model.head.linear.bias.any()
    for unit in units(model)[-2:]:
        layers = [module for module in unit.transform if isinstance(module, nn.Conv2d)]
        assert len(layers) == convs and not layers[-1].weight.any()
        for layer in layers[:-1]:
            fan_out = layer.out_channels * layer.kernel_size[0] ** 2
            want = (2 / fan_out) ** 0.5 * num_units**power
            assert layer.weight.std().item() == pytest.approx(want, rel=0.03)
    for key, parameter in model.named_parameters():
        if parameter.dim() == 0:
            assert parameter.item() == float(key.endswith("scale")), key


def test_fixup_keeps_the_signal_whatever_its_depth() -> None:
    """The last 3x3 is zero, so at the start the network's features are its shortcuts alone."""
    model = create("fixup_resnet110", num_classes=10)
    with torch.no_grad(), record(model) as tape:
        model(torch.randn(2, 3, 16, 16))
    stage = [unit for name, unit in tape.units.items() if name.startswith("stages.0")]
    assert torch.equal(stage[-1].y, stage[0].x)


def test_a_step_changes_the_logits_alike_at_every_depth() -> None:
    """Zhang et al. 2019, section 3, the goal: a step on the weights, whatever their number."""
    changes = []
    for depth in (20, 110):
        torch.manual_seed(0)
        model = create(f"fixup_resnet{depth}", num_classes=10)
        with torch.no_grad():
            model.head.linear.weight.normal_(0, 0.1)  # at zero, no gradient reaches the units
        x, labels = torch.randn(16, 3, 8, 8), torch.randint(0, 10, (16,))
        before = model(x)
        F.cross_entropy(before, labels).backward()
        with torch.no_grad():
            for unit in units(model):
                for layer in unit.transform:
                    if isinstance(layer, nn.Conv2d):
                        layer.weight.sub_(1e-3 * layer.weight.grad)
            changes.append(float((model(x) - before).norm()))
    assert 0.3 < changes[1] / changes[0] < 3


@pytest.mark.parametrize(
    ("name", "words"),
    [("rezero_resnet21", "nearest are 20 and 26"), ("fixup_resnet21", "nearest are 20 and 26")],
)
def test_wrong_depths(name: str, words: str) -> None:
    with pytest.raises(InputError, match=words):
        create(name, num_classes=10)
