"""Layouts: what is recognised, that every tensor has its place, and the way back."""

from collections.abc import Mapping

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from weight_samples import cifar, torchvision

from plusx import InputError, create, export_weights, list_models, load_weights
from plusx.catalog import family_of
from plusx.weights import layouts_of
from plusx.weights.load import PEERS
from randomise import randomise


def same(found: Mapping[str, Tensor], want: Mapping[str, Tensor]) -> bool:
    return found.keys() == want.keys() and all(
        torch.equal(tensor, want[key]) for key, tensor in found.items()
    )


@pytest.mark.parametrize("shortcut", ["pad", "project"])
def test_the_cifar_layout_round_trips(shortcut: str) -> None:
    state = cifar(depth=2, shortcut=shortcut == "project")
    model = create("resnet14", num_classes=10, shortcut=shortcut)
    report = load_weights(model, state)
    assert report.layout == "cifar"
    assert set(report.loaded) == model.state_dict().keys() and not report.adapted
    assert same(export_weights(model, "cifar"), state)


def test_torchvisions_layout_round_trips_and_timms_is_the_same() -> None:
    state = torchvision()
    model = create("resnet18")
    report = load_weights(model, state)
    assert str(report) == "layout torchvision: 122 tensors loaded; timm has the same keys"
    for layout in ("torchvision", "timm"):
        assert same(export_weights(model, layout), state)


def test_every_tensor_has_its_place() -> None:
    """akamaster's network by hand, on its own state dict."""
    state = cifar()
    images = torch.randn(2, 3, 8, 8)

    def normed(x: Tensor, name: str) -> Tensor:
        return F.batch_norm(
            x,
            *(state[f"{name}.running_{what}"] for what in ("mean", "var")),
            *(state[f"{name}.{what}"] for what in ("weight", "bias")),
        )

    x = F.relu(normed(F.conv2d(images, state["conv1.weight"], padding=1), "bn1"))
    for stage in (1, 2, 3):
        name, stride = f"layer{stage}.0", 1 if stage == 1 else 2
        t = F.conv2d(x, state[f"{name}.conv1.weight"], padding=1, stride=stride)
        t = F.relu(normed(t, f"{name}.bn1"))
        t = normed(F.conv2d(t, state[f"{name}.conv2.weight"], padding=1), f"{name}.bn2")
        if stage > 1:
            side = t.shape[1] // 4
            x = F.pad(x[:, :, ::2, ::2], (0, 0, 0, 0, side, side))
        x = F.relu(x + t)
    want = F.linear(x.mean((2, 3)), state["linear.weight"], state["linear.bias"])

    model = create("resnet8", num_classes=10).eval()
    load_weights(model, state)
    with torch.no_grad():
        assert torch.allclose(model(images), want, rtol=1e-5, atol=1e-5)


def test_our_own_layout_round_trips() -> None:
    state = create("resnet8", num_classes=10).state_dict()
    model = create("resnet8", num_classes=10)
    assert load_weights(model, state).layout == "plusx"
    assert same(export_weights(model, "plusx"), state)


def test_what_wraps_a_transform_has_no_name_at_a_peer() -> None:
    state = cifar()
    model = create("resnet8", num_classes=10, drop_path=0.2)
    assert load_weights(model, state).layout == "cifar"
    assert same(export_weights(model, "cifar"), state)


def test_exported_tensors_are_copies() -> None:
    model = create("resnet8", num_classes=10)
    exported = export_weights(model, "cifar")
    assert not any(tensor.requires_grad for tensor in exported.values())
    for tensor in exported.values():
        tensor.zero_()
    assert model.head.linear.weight.any()


NAMES = [
    pytest.param(name, marks=() if name in ("resnet18", "resnet20") else pytest.mark.full)
    for name in list_models()
    if any(family_of(name).name in peer.LAYOUTS for peer in PEERS)
]


@pytest.mark.parametrize("name", NAMES)
def test_every_layout_is_one_to_one_and_recognised(name: str) -> None:
    with torch.device("meta"):
        model = create(name, num_classes=10)
    state = model.state_dict()
    layouts = dict.fromkeys(layout.name for layout, _ in layouts_of(model))
    assert len(layouts) > 1
    for layout in layouts:
        exported = export_weights(model, layout)
        assert len(exported) == len(state)
        assert layout in str(load_weights(model, exported))


@pytest.mark.parametrize(
    "name",
    [
        "resnet20",
        pytest.param("densenet121", marks=pytest.mark.full),
        pytest.param("mobilenet_v2", marks=pytest.mark.full),
        pytest.param("resnetv2_50", marks=pytest.mark.full),
        pytest.param("vgg11_bn_cifar", marks=pytest.mark.full),
        pytest.param("vit_tiny_patch4_32", marks=pytest.mark.full),
    ],
)
def test_what_is_exported_comes_back_bit_for_bit(name: str) -> None:
    model, other = create(name, num_classes=10), create(name, num_classes=10)
    randomise(model)
    for layout, _ in layouts_of(model):
        randomise(other)
        load_weights(other, export_weights(model, layout.name))
        assert same(other.state_dict(), model.state_dict())


def test_an_unknown_layout_is_refused() -> None:
    model = create("resnet20", num_classes=10)
    with pytest.raises(InputError, match=r"did you mean 'cifar'.*it has .*cifar, plusx"):
        export_weights(model, "ciffar")
    with pytest.raises(InputError, match="no layout 'timm'"):
        export_weights(create("plain20"), "timm")
    with pytest.raises(InputError, match=r"made by plusx\.create .* not a Linear"):
        export_weights(nn.Linear(2, 2), "timm")
    with pytest.raises(InputError, match=r"made by plusx\.create"):
        load_weights(nn.Linear(2, 2), {})


def test_all_layouts_belong_to_a_family() -> None:
    families = {family_of(name).name for name in list_models()}
    assert all(set(peer.LAYOUTS) <= families for peer in PEERS)


def test_the_files_that_torchvision_publishes_for_densenets_load() -> None:
    """They write norm.1 and conv.1 inside a layer, where its code says norm1 and conv1."""
    model, other = create("densenet121", num_classes=10), create("densenet121", num_classes=10)
    randomise(model)
    state = {}
    for key, tensor in export_weights(model, "torchvision").items():
        if ".denselayer" in key:
            for part in ("norm", "conv"):
                for number in "12":
                    key = key.replace(f".{part}{number}.", f".{part}.{number}.")
        state[key] = tensor
    assert "features.denseblock1.denselayer1.norm.1.weight" in state
    assert load_weights(other, state).layout == "torchvision"
    assert same(other.state_dict(), model.state_dict())
