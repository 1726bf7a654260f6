"""Pre-activation, wide and pyramidal networks: by hand, and what their papers say of them."""

import pytest
import torch
from reference_preact import preact, pyramid
from torch import nn

from plusx import InputError, create, list_models, record, units
from plusx.catalog import family_of
from plusx.zoo.pyramidnet import PadEnd, pyramid_widths
from randomise import randomise

QUICK = ("preact_resnet110", "wrn16_8")
FAMILIES = ("preact", "preact-cifar", "wide-cifar", "pyramidnet")
NAMES = [
    *("preact_resnet20", "preact_resnet29", "wrn10_2", "wrn10_1", "pyramidnet20_a12"),
    *(
        pytest.param(name, marks=() if name in QUICK else pytest.mark.full)
        for name in list_models()
        if family_of(name).name in FAMILIES
    ),
]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("training", [False, True])
def test_equals_the_hand_written_network(name: str, training: bool) -> None:
    compare(name, training=training)


@pytest.mark.parametrize(
    ("name", "option"),
    [
        ("preact_resnet110", "bottleneck"),
        ("preact_resnet164", "basic"),
        pytest.param("resnetv2_50", "bottleneck-2016", marks=pytest.mark.full),
        ("pyramidnet110_a48", "bottleneck"),
        ("pyramidnet164_a48", "basic"),
    ],
)
def test_either_unit_can_be_had_at_the_same_depth(name: str, option: str) -> None:
    model = compare(name, transform=option)
    layers = {"basic": 2, "bottleneck": 3, "bottleneck-2016": 3}[option]
    depth = int(name.removeprefix("resnetv2_").split("net")[-1].split("_")[0])
    assert len(units(model)) * layers + 2 == depth


def compare(name: str, *, training: bool = False, **options: str) -> nn.Module:
    side = max(16, family_of(name).small_size)
    model = create(name, num_classes=10, **options).double().train(training)
    randomise(model)
    images = torch.randn(3, 3, side, side).double()
    state = {key: tensor.clone() for key, tensor in model.state_dict().items()}
    with torch.no_grad():
        if name.startswith("pyramid"):
            want = pyramid(images, state, training=training)
        else:
            v2 = name.startswith("resnetv2") and "transform" not in options
            want = preact(images, state, training=training, first=not v2)
        found = model(images)
    assert (found - want).abs().max() <= 1e-9 * want.abs().max()
    return model


def test_a_preactivation_network_has_the_parameters_of_its_resnet() -> None:
    for depth in (20, 110):
        assert count(f"preact_resnet{depth}") == count(f"resnet{depth}")


@pytest.mark.parametrize(
    ("name", "millions"),
    [
        ("preact_resnet164", 1.7),
        ("wrn16_8", 11.0),
        ("wrn28_10", 36.5),
        ("wrn40_4", 8.9),
        ("wrn40_1", 0.6),
        ("wrn40_2", 2.2),
        ("pyramidnet164_a48", 1.7),
    ],
)
def test_counts_are_those_printed_in_the_papers(name: str, millions: float) -> None:
    assert round(count(name) / 1e6, 1) == millions


def count(name: str) -> int:
    with torch.device("meta"):
        return sum(p.numel() for p in create(name, num_classes=10).parameters())


def test_nothing_but_shortcuts_lies_between_the_stages() -> None:
    """He et al. 2016, equation 5: x_L = x_l + all transforms between, within a stage."""
    model = create("preact_resnet20", num_classes=10).eval()
    randomise(model)
    with torch.no_grad(), record(model) as tape:
        model(torch.randn(2, 3, 16, 16))
    first, second, third = (tape.units[u.name] for u in units(model)[:3])
    total = first.x + first.transform + second.transform + third.transform
    assert torch.allclose(third.y, total, atol=1e-6)


def test_a_shortcut_projects_from_the_shared_norm_and_activation() -> None:
    model = create("preact_resnet29", num_classes=10).eval()
    with torch.no_grad(), record(model) as tape:
        model(torch.randn(2, 3, 16, 16))
    for name, seen in tape.units.items():
        projects = name.endswith(".0.unit")
        assert projects == (bool((seen.x >= 0).all())) == (seen.shortcut is not seen.x), name


def test_dropout_stands_inside_the_wide_unit_and_its_mean_is_evaluation() -> None:
    model = create("wrn10_2", num_classes=10, dropout=0.3).eval()
    randomise(model)
    unit = units(model)[0]
    x = torch.randn(1, 16, 4, 4)
    with torch.no_grad():
        want = unit.transform(x)
        drops = [module for module in unit.transform if isinstance(module, nn.Dropout)]
        assert [module.p for module in drops] == [0.3]
        drops[0].train()
        draws = torch.stack([unit.transform(x) for _ in range(4000)])
    error = (draws.mean(0) - want).abs() / (draws.std(0) / 4000**0.5)
    assert error.max() < 5


def test_without_dropout_there_is_none() -> None:
    model = create("wrn10_2", num_classes=10)
    assert not any(isinstance(module, nn.Dropout) for module in model.modules())


def test_the_pyramid_widens_evenly_to_the_papers_output() -> None:
    for alpha, blocks in ((48, 54), (84, 54), (270, 54), (200, 90)):
        widths = pyramid_widths(alpha, blocks)
        assert len(widths) == blocks and widths[-1] == 16 + alpha
        steps = [b - a for a, b in zip([16, *widths], widths)]
        assert max(steps) - min(steps) <= 1


def test_new_channels_of_the_pyramid_are_zero_and_last() -> None:
    x = torch.randn(2, 3, 4, 4)
    y = PadEnd(2)(x)
    assert torch.equal(y[:, :3], x) and not y[:, 3:].any()


@pytest.mark.parametrize(
    ("name", "options", "words"),
    [
        ("preact_resnet21", {}, "6n \\+ 2 .* or 9n \\+ 2"),
        ("preact_resnet2", {}, "which 2 is not"),
        ("preact_resnet26", {"transform": "bottleneck"}, "the nearest are 20 and 29"),
        ("wrn28_0", {}, "at least 1"),
        ("wrn27_10", {}, "the nearest are 22 and 28"),
        ("wrn28_10", {"dropout": 0.95}, "0 to 0.9"),
        ("wrn28_10", {"shortcut": "pad"}, "no option 'shortcut'"),
        ("pyramidnet111_a48", {}, "the nearest are 110 and 116"),
        ("pyramidnet110_a0", {}, "expected at least 1"),
        ("resnetv2_77", {}, "there is no network"),
        ("wide_resnet50_0", {}, "at least 1"),
    ],
)
def test_wrong_calls_say_what_is_right(name: str, options: dict[str, object], words: str) -> None:
    with pytest.raises(InputError, match=words):
        create(name, **options)
