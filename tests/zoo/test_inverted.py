"""MobileNetV2 and EfficientNet: by hand, their scaling, what is random in them."""

import pytest
import torch
import torch.nn.functional as F
from reference_inverted import EFFICIENT, MOBILE, network
from torch import nn

from plusx import InputError, create, summary, units
from plusx.branch import SE, DropPath
from plusx.zoo.efficientnet import RELEASED, compound_scaling
from plusx.zoo.mobilenet import round_channels
from randomise import randomise

EFFICIENT_NETS = [
    pytest.param(f"efficientnet_b{n}", marks=() if n in (0, 1) else pytest.mark.full)
    for n in range(8)
]


@pytest.mark.parametrize("name", ["mobilenet_v2", "mobilenet_v2_140", "mobilenet_v2_35"])
@pytest.mark.parametrize("training", [False, True])
def test_mobilenet_equals_the_hand_written_network(name: str, training: bool) -> None:
    model = create(name, num_classes=10, dropout=0.0).double().train(training)
    randomise(model)
    x = torch.randn(3, 3, 64, 64).double()
    state = {key: tensor.clone() for key, tensor in model.state_dict().items()}
    with torch.no_grad():
        want = network(x, state, strides=MOBILE, act=F.relu6, training=training)
        assert (model(x) - want).abs().max() <= 1e-9 * want.abs().max()


@pytest.mark.parametrize("name", EFFICIENT_NETS)
@pytest.mark.parametrize("training", [False, True])
def test_efficientnet_equals_the_hand_written_network(name: str, training: bool) -> None:
    model = create(name, num_classes=10, dropout=0.0, drop_path=0.0).double().train(training)
    randomise(model)
    x = torch.randn(3, 3, 64, 64).double()
    state = {key: tensor.clone() for key, tensor in model.state_dict().items()}
    eps = 1e-3 if name[-1] in "567" else 1e-5
    with torch.no_grad():
        want = network(x, state, strides=EFFICIENT, act=F.silu, training=training, eps=eps)
        assert (model(x) - want).abs().max() <= 1e-9 * want.abs().max()


@pytest.mark.parametrize("name", ["mobilenet_v2", "efficientnet_b0"])
def test_no_unit_where_the_shape_changes(name: str) -> None:
    model = create(name, num_classes=10)
    found = {unit.name for unit in units(model)}
    for place, stage in enumerate(model.stages):
        for position in range(len(stage)):
            assert (f"stages.{place}.{position}" in found) == (position > 0)


def test_widths_are_rounded_as_in_the_authors_code() -> None:
    """Every multiple of 8 that is nearest, unless more than 10% were lost."""
    assert [round_channels(v) for v in (3, 8, 11.2, 12, 18, 22.4, 33.6, 44.8)] == [
        *(8, 8, 16, 16, 24, 24, 32, 48)
    ]
    for tenths in range(80, 4000, 7):
        found = round_channels(tenths / 10)
        assert found % 8 == 0 and found >= 0.9 * tenths / 10 and abs(found - tenths / 10) < 8.01


@pytest.mark.parametrize(
    ("name", "millions"),
    [("mobilenet_v2", 3.5), ("mobilenet_v2_140", 6.1), ("efficientnet_b7", 66.3)],
)
def test_parameters(name: str, millions: float) -> None:
    with torch.device("meta"):
        found = sum(p.numel() for p in create(name).parameters())
    assert round(found / 1e6, 1) == millions


def test_a_width_by_name_is_that_by_option() -> None:
    named, asked = create("mobilenet_v2_50"), create("mobilenet_v2", width=0.5)
    assert [p.shape for p in named.parameters()] == [p.shape for p in asked.parameters()]


def test_compound_scaling_is_the_papers_equation() -> None:
    assert compound_scaling(0).size == 224 and compound_scaling(0).depth == 1
    for phi in (0.5, 1, 3):
        scaling = compound_scaling(phi)
        macs = scaling.depth * scaling.width**2 * (scaling.size / 224) ** 2
        assert macs == pytest.approx(1.92**phi, rel=0.01)  # 1.2 * 1.1^2 * 1.15^2, "about 2"


@pytest.mark.parametrize(("number", "phi"), [(0, 0), (1, 0.5), (2, 1), (3, 2), (4, 3.5)])
def test_the_released_scales_are_the_formulas_rounded(number: int, phi: float) -> None:
    released, formula = RELEASED[number][0], compound_scaling(phi)
    assert released.depth == pytest.approx(formula.depth, rel=0.05)
    assert released.width == pytest.approx(formula.width, rel=0.05)
    assert released.size == pytest.approx(formula.size, rel=0.05)
    with torch.device("meta"):
        assert create(f"efficientnet_b{number}").size == released.size


def test_a_network_of_any_phi() -> None:
    with torch.device("meta"):
        sizes = [
            sum(p.numel() for p in create(f"efficientnet_phi{n}").parameters()) for n in (0, 1)
        ]
    assert sizes == [5_288_548, 9_109_994]  # B0 and B2
    with pytest.raises(InputError, match="0 to 10"):
        create("efficientnet_phi11")


def test_se_is_a_quarter_of_the_blocks_input() -> None:
    """Tan and Le 2019, the authors' code: of the block's input, not of its width inside."""
    model = create("efficientnet_b0")
    found = [m.weigh.reduce.out_channels for m in model.modules() if isinstance(m, SE)]
    assert found == [8, 4, 6, 6, 10, 10, 20, 20, 20, 28, 28, 28, 48, 48, 48, 48]
    assert not any(isinstance(m, nn.ReLU) for m in model.modules())


def test_paths_are_dropped_linearly_with_depth() -> None:
    model = create("efficientnet_b0")
    rates = {u.name: u.transform.rate for u in units(model)}
    assert rates["stages.1.1"] == pytest.approx(0.2 * 2 / 16)
    assert rates["stages.5.3"] == pytest.approx(0.2 * 14 / 16)
    other = create("efficientnet_b0", drop_path=0.8, drop_path_mode="batch")
    last = units(other)[-1].transform
    assert isinstance(last, DropPath) and last.mode == "batch"
    assert last.rate == pytest.approx(0.8 * 14 / 16)


def test_the_mean_over_dropped_paths_is_evaluation() -> None:
    model = create("efficientnet_b0", drop_path=0.5).double().eval()
    randomise(model)
    unit = units(model)[-1]
    x = torch.randn(1, 192, 1, 1).double()
    with torch.no_grad():
        want = unit.module(x)
        unit.transform.training = True  # the drop alone: batch norm stays in evaluation
        mean = unit.module(x.expand(1000, -1, -1, -1)).mean(0)
    assert torch.allclose(mean, want[0], atol=0.1)


@pytest.mark.parametrize("name", ["mobilenet_v2", "efficientnet_b0"])
def test_the_small_stem_has_no_stride(name: str) -> None:
    small = summary(create(name, num_classes=10, stem="small"), 32)
    assert small.rows[0].output[1:] == (32, 32)


@pytest.mark.parametrize(
    ("name", "options", "words"),
    [
        ("mobilenet_v2", {"width": 5.0}, "0.1 to 4"),
        ("mobilenet_v2_5", {}, "10 to 400%"),
        ("mobilenet_v2", {"shortcut": "pad"}, "no option 'shortcut'"),
        ("efficientnet_b8", {}, "did you mean"),
        ("efficientnet_b0", {"drop_path": 1.0}, "0 to 0.95"),
    ],
)
def test_wrong_calls(name: str, options: dict[str, object], words: str) -> None:
    with pytest.raises(InputError, match=words):
        create(name, num_classes=10, **options)
