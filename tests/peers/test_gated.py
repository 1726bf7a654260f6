"""Gates of the peers' networks: as many as are there, with the weights of the modules."""

import pytest
import torch
from torch import Tensor, nn

pytest.importorskip("torchvision")
pytest.importorskip("timm")

import timm
import torchvision
from timm.layers.cbam import CbamModule
from timm.layers.non_local_attn import NonLocalAttn
from torchvision.ops.misc import SqueezeExcitation

from plusx.analysis.gated_pass import seeing
from plusx.analysis.gates import gates
from plusx.tape import watch

NETWORKS = {
    "torchvision:resnet18": 0,
    "torchvision:convnext_tiny": 0,  # a scale of parameters alone is no gate
    "torchvision:efficientnet_b0": 16,
    "torchvision:mobilenet_v3_small": 9,
    "torchvision:regnet_y_400mf": 16,
    "timm:resnet18": 0,
    "timm:seresnet18": 8,
    "timm:ecaresnet50t": 16,
    "timm:ese_vovnet19b_dw": 4,
    "timm:mobilenetv3_small_100": 9,
}


def _network(name: str) -> nn.Module:
    library, _, model = name.partition(":")
    made = (
        torchvision.models.get_model(model)
        if library == "torchvision"
        else timm.create_model(model)
    )
    return made.eval()


@pytest.mark.full
@pytest.mark.parametrize("name", NETWORKS)
def test_every_gate_is_found_and_no_other(name: str) -> None:
    found = gates(_network(name), torch.zeros(1, 3, 64, 64))
    assert [gate.kind for gate in found] == ["channel"] * NETWORKS[name]


@pytest.mark.full
def test_weights_are_those_that_the_module_makes() -> None:
    model, images = _network("torchvision:mobilenet_v3_small"), torch.randn(2, 3, 64, 64)
    own: dict[str, Tensor] = {}
    scales = {
        name: module.scale_activation
        for name, module in model.named_modules()
        if isinstance(module, SqueezeExcitation)
    }
    with torch.no_grad():
        with seeing(model) as passes:
            seen = passes(images)
        with watch(scales, lambda name, x, y: own.update({name: y.clone()})):
            logits = model(images)
    assert torch.equal(seen.logits, logits)
    assert seen.weights.keys() == own.keys()
    assert all(torch.equal(seen.weights[name], own[name]) for name in own)
    units = {gate.unit for gate in gates(model, images)}
    assert "features.5" in units


@pytest.mark.full
def test_gates_of_timm_for_places_and_pairs() -> None:
    images = torch.randn(1, 3, 16, 16)
    cbam = nn.Sequential(nn.Conv2d(3, 32, 3), CbamModule(32))
    assert [gate.kind for gate in gates(cbam, images)] == ["channel", "spatial"]
    non_local = nn.Sequential(nn.Conv2d(3, 32, 3), NonLocalAttn(32))
    assert [gate.kind for gate in gates(non_local, images)] == ["pairs"]
