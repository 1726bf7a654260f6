"""units of the peers' networks: as many as are there, and what they give to the bit."""

import pytest
import torch
from torch import Tensor, fx, nn

pytest.importorskip("torchvision")
pytest.importorskip("timm")

import timm
import torchvision

from plusx import units
from plusx.graph import joins, merge_of, part, trace

TORCHVISION = {
    "resnet18": 8,
    "resnet34": 16,
    "resnet50": 16,
    "resnet101": 33,
    "resnet152": 50,
    "resnext50_32x4d": 16,
    "wide_resnet50_2": 16,
    "densenet121": 58,
    "mobilenet_v2": 10,
    "mobilenet_v3_large": 10,
    "mnasnet1_0": 10,
    "efficientnet_b0": 9,
    "shufflenet_v2_x1_0": 13,  # units of stride 1: half of the channels pass
    "regnet_y_400mf": 16,
    "convnext_tiny": 18,
    "vit_b_16": 24,
    "swin_t": 24,
    "swin_v2_t": 24,
    "maxvit_t": 55,  # 11 blocks of a convolution and two attentions with an MLP each
    "alexnet": 0,
    "vgg16_bn": 0,
    "squeezenet1_0": 0,
    "googlenet": 0,  # branches side by side
    "inception_v3": 0,
}
TIMM = {
    "resnet18": 8,
    "resnet50d": 16,
    "resnetv2_50": 16,
    "seresnet18": 8,
    "seresnext50_32x4d": 16,
    "ecaresnet50d": 16,
    "resnetrs50": 16,
    "skresnet18": 8,
    "densenet121": 58,
    "cspresnet50": 17,  # 13 bottlenecks and the concatenation of each of 4 stages
    "convnext_atto": 12,
    "efficientnet_b0": 9,
    "vit_tiny_patch16_224": 24,
    "deit_tiny_patch16_224": 24,
    "swin_tiny_patch4_window7_224": 24,
    "mixer_b16_224": 24,
    "poolformer_s12": 24,
}
"""Counts from the papers' tables of blocks, stage by stage."""


def _torchvision(name: str) -> nn.Module:
    options = {"init_weights": False} if name in ("googlenet", "inception_v3") else {}
    return torchvision.models.get_model(name, weights=None, **options).eval()


@pytest.mark.parametrize("name", TORCHVISION)
def test_units_of_torchvisions_networks(name: str) -> None:
    assert len(units(_torchvision(name))) == TORCHVISION[name]


@pytest.mark.parametrize("name", TIMM)
def test_units_of_timms_networks(name: str) -> None:
    assert len(units(timm.create_model(name).eval())) == TIMM[name]


def _hugging_face(name: str) -> tuple[nn.Module, Tensor]:
    transformers = pytest.importorskip("transformers")
    image, tokens = torch.zeros(1, 3, 64, 64), torch.zeros(1, 9, dtype=torch.long)
    if name == "resnet50":
        model = transformers.ResNetForImageClassification(transformers.ResNetConfig())
    elif name == "resnet18":
        config = transformers.ResNetConfig(
            depths=[2, 2, 2, 2], layer_type="basic", hidden_sizes=[64, 128, 256, 512]
        )
        model = transformers.ResNetModel(config)
    else:
        small = {"n_embd": 48, "n_head": 4, "bos_token_id": 0, "eos_token_id": 0}
        model = transformers.GPT2LMHeadModel(transformers.GPT2Config(vocab_size=100, **small))
    return model.eval(), tokens if name == "gpt2" else image


@pytest.mark.parametrize(("name", "count"), [("resnet18", 8), ("resnet50", 16), ("gpt2", 24)])
def test_units_of_hugging_faces_networks(name: str, count: int) -> None:
    model, x = _hugging_face(name)
    found = units(model, (x,))
    assert len(found) == count
    if name == "gpt2":
        assert [unit.name for unit in found[:3]] == [
            "transformer.h.0:1",
            "transformer.h.0:2",
            "transformer.h.1:1",
        ]
        with torch.no_grad():
            assert torch.equal(trace(model, (x,)).module(x)["logits"], model(x).logits)


def test_names_are_addresses() -> None:
    names = [unit.name for unit in units(_torchvision("resnet18"))]
    assert names == [f"layer{stage}.{block}" for stage in (1, 2, 3, 4) for block in (0, 1)]
    names = [unit.name for unit in units(timm.create_model("vit_tiny_patch16_224"))]
    assert names[:3] == ["blocks.0:1", "blocks.0:2", "blocks.1:1"]


class _Values(fx.Interpreter):
    def __init__(self, module: fx.GraphModule) -> None:
        super().__init__(module)
        self.seen: dict[fx.Node, object] = {}

    def run_node(self, n: fx.Node) -> object:
        self.seen[n] = super().run_node(n)
        return self.seen[n]


@pytest.mark.parametrize(
    "name",
    [
        "resnet18",
        "densenet121",
        "mobilenet_v2",
        "shufflenet_v2_x1_0",
        "swin_t",
        "timm:resnetv2_50",
        "timm:seresnet18",
        "timm:cspresnet50",
        "timm:gcresnet50t",  # sums that are spread over all places
        "timm:vit_tiny_patch16_224",
        "timm:convnext_atto",
    ],
)
def test_the_parts_give_what_the_network_gives(name: str) -> None:
    library, _, short = name.rpartition(":")
    model = timm.create_model(short).eval() if library else _torchvision(short)
    size = 224 if "vit" in name else 64
    x = torch.randn(1, 3, size, size, generator=torch.Generator().manual_seed(0))
    module = trace(model).module
    values = _Values(module)
    with torch.no_grad():
        given = values.run(x)
        assert isinstance(given, Tensor) and torch.equal(given, model(x))
        found = joins(module)
        for join in found:
            s = part(module, join, (join.shortcut,))(values.seen[join.x])
            t = part(module, join, join.transform)(values.seen[join.x])
            assert torch.equal(s, values.seen[join.shortcut])
            assert torch.equal(merge_of(module, join)(s, t), values.seen[join.y])
