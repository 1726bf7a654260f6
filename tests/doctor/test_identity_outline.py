"""Any network as stem, units and end, whoever wrote it."""

import pytest
import torch
from identity_nets import IMAGES, Net
from torch import nn

from plusx import create, units
from plusx.doctor.identity.difference import difference
from plusx.doctor.identity.layer import words
from plusx.doctor.identity.meant import meant, options_for
from plusx.doctor.identity.outline import outline


def test_the_20_layers_of_the_paper_are_read_from_a_network_by_hand() -> None:
    found = outline(Net().eval(), (IMAGES[:2],))
    assert found.stages == (("16 channels", 3), ("32 channels", 3), ("64 channels", 3))
    assert words(found.stem) == "3x3 16, BN, relu"
    assert words(found.end) == "relu, global pool, linear 10"
    assert words(found.rows[3].transform) == "3x3 32 /2, BN, relu, 3x3 32, BN"
    assert words(found.rows[3].shortcut) == "pad"
    assert found.rows[4].identity
    # 1 + 2 n for each of three stages, and the head: 6 n + 2 layers with n = 3
    assert len(found.loose) + sum(len(row.convs) for row in found.rows) == 20


def test_ours_and_one_by_hand_are_the_same_network() -> None:
    by_hand = outline(Net().eval(), (IMAGES[:2],))
    assert difference(by_hand, meant("resnet20", (IMAGES[:2],), num_classes=10)) is None


@pytest.mark.parametrize("name", ["resnet20", "preact_resnet20", "densenet22_12", "wrn16_8"])
def test_each_declared_unit_is_a_row(name: str) -> None:
    model = create(name, num_classes=10).eval()
    found = outline(model, (IMAGES[:2],))
    assert len(found.rows) == len(units(model))
    assert found.params == sum(p.numel() for p in model.parameters())


def test_a_gate_is_no_layer_of_its_transform() -> None:
    plain, gated = (
        outline(create(name, num_classes=10).eval(), (IMAGES[:2],)).rows[0].transform
        for name in ("resnet18", "seresnet18")
    )
    assert words(plain) == words(gated)


def test_a_softmax_is_attention_where_a_product_takes_it() -> None:
    class Attends(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.qkv, self.drop, self.fc = nn.Linear(8, 24), nn.Dropout(), nn.Linear(8, 5)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            q, k, v = self.qkv(x).chunk(3, dim=-1)
            y = self.drop((q @ k.mT).softmax(-1)) @ v
            return self.fc(y.mean(1)).softmax(-1)

    found = outline(Attends().eval(), (torch.randn(2, 6, 8),))
    assert words(found.stem) == "linear 24, attention, linear 5"


def test_of_many_layers_the_first_are_named() -> None:
    found = outline(Net().eval(), (IMAGES[:2],)).layers
    assert words(found[:3], most=3) == "3x3 16, BN, relu"
    assert words(found, most=3) == f"3x3 16, BN, relu, ... ({len(found)} layers)"


def test_torchs_attention_has_the_layers_of_ours() -> None:
    x = torch.randn(2, 3, 16, 16)
    ours = outline(create("vit_tiny_patch4_32", image_size=16).eval(), (x,))

    class Attention(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.norm, self.attention = nn.LayerNorm(8), nn.MultiheadAttention(8, 2)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            y = self.norm(x)
            return x + self.attention(y, y, y, need_weights=False)[0]

    theirs = outline(Attention().eval(), (torch.randn(5, 2, 8),))
    kinds = [layer.kind for layer in ours.rows[0].transform]
    assert [layer.kind for layer in theirs.rows[0].transform] == kinds
    assert kinds == ["norm", "linear", "attention", "linear"]


def test_small_images_mean_a_small_stem() -> None:
    assert options_for("resnet18", torch.zeros(2, 3, 32, 32)) == {"stem": "small"}
    assert options_for("resnet18", torch.zeros(2, 3, 224, 224)) == {}
    assert options_for("resnet20", torch.zeros(2, 3, 32, 32)) == {}


def test_the_outline_leaves_the_network_as_it_was() -> None:
    model = Net().eval()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    outline(model, (IMAGES[:2],))
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert not any("forward" in module.__dict__ for module in model.modules())
