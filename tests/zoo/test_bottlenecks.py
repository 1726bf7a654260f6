"""ResNeXt, wide ResNets, ResNet-D, ResNet-RS: by hand, and what their papers say of them."""

import re
from itertools import pairwise

import pytest
import torch
from reference_bottlenecks import postactivation
from torch import nn

from plusx import InputError, create, list_models, units
from plusx.branch import DropPath
from plusx.catalog import family_of
from plusx.zoo.resnet_rs import IMAGE_SIZES, scaled
from randomise import randomise

QUICK = ("resnext50_32x4d", "resnet18d")
FAMILIES = ("wide", "resnext", "resnext-cifar", "resnet-d", "resnet-rs")
NAMES = [
    *("resnext20_4x16d", "resnext29_2x8d", "resnext50_4x14d"),
    pytest.param("wide_resnet50_3", marks=pytest.mark.full),
    *(
        pytest.param(name, marks=() if name in QUICK else pytest.mark.full)
        for name in list_models()
        if family_of(name).name in FAMILIES
    ),
]


def certain(name: str) -> dict[str, float]:
    """Options that leave nothing to chance."""
    return {"dropout": 0, "drop_path": 0} if name.startswith("resnetrs") else {}


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("training", [False, True])
def test_equals_the_hand_written_network(name: str, training: bool) -> None:
    family = family_of(name)
    model = create(name, num_classes=10, **certain(name)).double().train(training)
    randomise(model)
    side = max(32, family.small_size)
    images = torch.randn(3, 3, side, side).double()
    state = {key: tensor.clone() for key, tensor in model.state_dict().items()}
    paths = re.search(r"_(\d+)x", name)
    average = family.name in ("resnet-d", "resnet-rs")
    with torch.no_grad():
        want = postactivation(
            images,
            state,
            training=training,
            groups=int(paths[1]) if paths else 1,
            average=average,
        )
        found = model(images)
    assert (found - want).abs().max() <= 1e-9 * want.abs().max()


@pytest.mark.parametrize(
    ("name", "millions"), [("resnext29_8x64d", 34.4), ("resnext29_16x64d", 68.2)]
)
def test_counts_are_those_printed_in_the_paper(name: str, millions: float) -> None:
    with torch.device("meta"):
        model = create(name, num_classes=10)
    assert round(sum(p.numel() for p in model.parameters()) / 1e6, 1) == millions


def test_one_path_of_64_is_a_resnet() -> None:
    with torch.device("meta"):
        ours, resnet = create("resnext50_1x64d"), create("resnet50")
    assert [(n, p.shape) for n, p in ours.named_parameters()] == [
        (n, p.shape) for n, p in resnet.named_parameters()
    ]


def test_a_stem_for_small_images_keeps_what_makes_the_family() -> None:
    for name in ("resnet18d", "resnetrs50"):
        small = create(name, num_classes=10, stem="small")
        assert [type(m) for m in small.stem] == [nn.Conv2d, nn.BatchNorm2d, nn.ReLU]
        pools = [
            unit.name
            for unit in units(small)
            if any(isinstance(part, nn.AvgPool2d) for part in unit.shortcut.children())
        ]
        assert len(pools) == 3
        assert create(name, num_classes=10, stem="large").stem[0].kernel_size == (3, 3)


@pytest.mark.parametrize(
    ("depth", "dropout", "drop_path"),
    [(50, 0.25, 0), (152, 0.25, 0), (200, 0.25, 0.1), (350, 0.4, 0.1), (420, 0.4, 0.1)],
)
def test_a_resnet_rs_brings_its_regularisation(
    depth: int, dropout: float, drop_path: float
) -> None:
    """The authors' configs: dropout_rate and drop_connect_rate at the largest image size."""
    with torch.device("meta"):
        model = create(f"resnetrs{depth}")
    assert [m.p for m in model.modules() if isinstance(m, nn.Dropout)] == [dropout]
    for unit in units(model):
        stage = int(unit.name.split(".")[1]) + 1
        rate = unit.transform.rate if isinstance(unit.transform, DropPath) else 0
        assert rate == pytest.approx(drop_path * (stage + 1) / 5), unit.name


def test_the_regularisation_of_a_resnet_rs_can_be_chosen() -> None:
    with torch.device("meta"):
        model = create("resnetrs50", dropout=0.1, drop_path=0.5, drop_path_mode="batch")
    drops = [m for m in model.modules() if isinstance(m, DropPath)]
    assert len(drops) == 16
    assert {(d.rate, d.mode) for d in drops} == {(r, "batch") for r in (0.2, 0.3, 0.4, 0.5)}
    assert not any(isinstance(d.transform, DropPath) for d in drops)


def test_the_scaling_rule_grows_with_depth() -> None:
    scales = [scaled(depth) for depth in IMAGE_SIZES]
    for smaller, larger in pairwise(scales):
        assert smaller.image_size <= larger.image_size
        assert smaller.dropout <= larger.dropout
        assert smaller.drop_path <= larger.drop_path
        assert smaller.randaugment <= larger.randaugment
    assert scaled(350, 256).dropout == 0.25 and scaled(350, 320).dropout == 0.4


def test_the_scaling_rule_refuses_what_the_paper_does_not_have() -> None:
    with pytest.raises(InputError, match="trained at \\[160, 192\\] pixels, not at 224"):
        scaled(101, 224)
    with pytest.raises(InputError, match="no depth 34"):
        scaled(34)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("resnext28_8x64d", "the nearest are 20 and 29"),
        ("resnext29_0x64d", "no set of paths"),
        ("resnext50_32x0d", "no set of paths"),
        ("resnet26d", "there is no network"),
        ("resnetrs51", "there is no network"),
        ("wide_resnet50_0", "at least 1"),
    ],
)
def test_wrong_names_say_what_is_right(name: str, words: str) -> None:
    with pytest.raises(InputError, match=words):
        create(name)
