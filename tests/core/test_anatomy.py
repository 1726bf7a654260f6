"""Kinds of units, their drawings, and what inputs are called."""

import pytest
import torch
from torch import nn

from plusx import create, summary
from plusx.analysis.anatomy import Anatomy, anatomy
from plusx.analysis.compare import compare
from plusx.analysis.describe import describe
from plusx.analysis.summary import Summary
from plusx.catalog import family_of


def summed(name: str) -> Summary:
    family = family_of(name)
    with torch.device("meta"):
        model = create(name, in_channels=family.in_channels)
    return summary(model, family.inputs(2, family.in_channels, family.small_size))


def test_units_that_differ_in_their_shortcut_are_of_one_kind() -> None:
    (kind,) = anatomy(summed("resnet20"))
    assert kind == Anatomy("identity", "3x3, BN, ReLU, 3x3, BN", "Add, ReLU", "all units")


def test_attention_between_the_units_has_a_kind_and_a_place() -> None:
    units, attention = anatomy(summed("bam_resnet50"))
    assert units.where == "16 of 19 units" and units.transform.startswith("1x1, BN")
    assert attention.transform == "BAM"
    assert attention.where == "stages.0.3, stages.1.4, stages.2.6"


def test_a_mixed_video_network_has_both_kinds() -> None:
    assert [kind.transform for kind in anatomy(summed("mc3_18"))] == [
        "1x3x3, BN, ReLU, 1x3x3, BN",
        "3x3x3, BN, ReLU, 3x3x3, BN",
    ]


@pytest.mark.parametrize("number", [0, 3])
def test_kernels_of_depthwise_convolutions_are_one_kind(number: int) -> None:
    (kind,) = anatomy(summed(f"efficientnet_b{number}"))
    assert kind.transform == "1x1, BN, SiLU, 3x3 or 5x5 depthwise, BN, SiLU, SE, 1x1, BN"


def test_a_network_without_units_has_no_shortcut_to_draw() -> None:
    (kind,) = anatomy(summed("plain20"))
    assert kind.drawing() == "x ── 3x3, BN, ReLU, 3x3, BN, ReLU ── y"


def test_a_drawing_has_both_ways_and_what_follows_the_sum() -> None:
    drawn = Anatomy("identity", "3x3, BN", "Add, ReLU", "all units").drawing()
    assert drawn.splitlines() == [
        "x ─┬─ identity ──┐",
        "   └─ 3x3, BN ───┴─ Add ── ReLU ── y",
    ]


@pytest.mark.parametrize(
    ("layer", "words"),
    [
        (nn.Conv2d(8, 8, 3, groups=8), "3x3 depthwise 8"),
        (nn.Conv2d(8, 16, 3, groups=8), "3x3 depthwise 16"),
        (nn.Conv2d(8, 8, 3, stride=2, groups=4), "3x3 8 /2 in 4 groups"),
        (nn.Conv2d(1, 8, 3), "3x3 8"),
        (nn.Conv1d(4, 8, 7, stride=2), "conv7 8 /2"),
    ],
)
def test_layers_are_named_as_papers_name_them(layer: nn.Module, words: str) -> None:
    assert describe(layer) == words


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("resnet20", "image of 3x8x8"),
        ("residual_gcn2", "graph of 6 nodes with 7 features"),
        ("residual_lstm2", "sequence of 5 steps with 28 features"),
        ("r3d_18", "clip of 4 frames of 3x28x28"),
        ("resnet_tsc", "1-channel series of 24 steps"),
    ],
)
def test_an_input_is_called_what_it_is(name: str, words: str) -> None:
    found = summed(name)
    assert found.sample == words
    assert found.table().startswith(f"{name}, one {words} (")


def test_one_unit_is_no_plural() -> None:
    assert "1 unit " in summed("residual_rnn").table()


def test_side_by_side_what_is_alike_is_not_repeated() -> None:
    one, other = (summary(create(name), 64) for name in ("resnet18", "seresnet18"))
    lines = compare(one, other).table().splitlines()
    above = next(i for i, line in enumerate(lines) if line.startswith("stages.1.0 "))
    assert lines[above + 1].split()[0] == "=" and "SE" in lines[above + 1]
    assert lines[above + 1].count("=") == 3  # shortcut, merge and output
