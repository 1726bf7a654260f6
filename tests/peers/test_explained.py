"""Class activation maps of the peers' networks against pytorch-grad-cam, within 1e-4."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor, nn

pytest.importorskip("torchvision")
pytest.importorskip("timm")
pytest.importorskip("pytorch_grad_cam")

import pytorch_grad_cam as cam
import timm
import torchvision
from pytorch_grad_cam.utils.model_targets import ClassifierOutputTarget

from peers import randomise
from plusx.cli.explain import explain
from plusx.explain import (
    eigen_cam,
    grad_cam,
    grad_cam_pp,
    hires_cam,
    layer_cam,
    score_cam,
    split,
    through,
)
from plusx.explain.attribution import onto, unit_range

METHODS = {
    grad_cam: cam.GradCAM,
    grad_cam_pp: cam.GradCAMPlusPlus,
    hires_cam: cam.HiResCAM,
    layer_cam: cam.LayerCAM,
    eigen_cam: cam.EigenCAM,
    score_cam: cam.ScoreCAM,
}
NETWORKS = {
    "torchvision:resnet18": ["layer4"],
    # not features.norm5: the ReLU in place behind it writes over what pytorch-grad-cam keeps
    "torchvision:densenet121": ["features.denseblock4"],
    "timm:seresnet18": ["layer2", "layer4"],  # of two layers, the mean
    "timm:convnext_atto": ["stages.3"],
}


def _network(name: str) -> nn.Module:
    library, _, short = name.partition(":")
    if library == "timm":
        model = timm.create_model(short, num_classes=10)
    else:
        model = torchvision.models.get_model(short, weights=None, num_classes=10)
    if "resnet" in name:
        randomise(model, (torch.randn(4, 3, 64, 64),), set())
    return model.eval()


def _theirs(method: object, model: nn.Module, images: Tensor, layers: list[str]) -> np.ndarray:
    targets = [ClassifierOutputTarget(index) for index in range(len(images))]
    with method(model, [model.get_submodule(name) for name in layers]) as made:
        return made(images, targets)


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize(
    "method", [m for m in METHODS if m is not eigen_cam], ids=lambda method: method.__name__
)
def test_maps_agree(method: object, name: str) -> None:
    if method is score_cam and name != "torchvision:resnet18":
        pytest.skip("a pass for each channel: one network is enough")
    model, images = _network(name), torch.randn(2, 3, 96, 64)
    theirs = _theirs(METHODS[method], model, images, NETWORKS[name])
    ours = method(model, images, [0, 1], unit=NETWORKS[name])
    assert np.abs(ours.maps.numpy() - theirs).max() < 1e-4


@pytest.mark.parametrize("name", NETWORKS)
def test_maps_of_eigen_cam_agree_but_for_the_sign(name: str) -> None:
    """The sign of a component is left to the library of linear algebra: either may be theirs."""
    model, images = _network(name), torch.randn(2, 3, 96, 64)
    layer = NETWORKS[name][-1]
    theirs = _theirs(METHODS[eigen_cam], model, images, [layer])
    ours = eigen_cam(model, images, [0, 1], unit=layer)
    for their, *both in zip(theirs, ours.maps, _turned(ours.raw[0], images)):
        assert min(np.abs(one.numpy() - their).max() for one in both) < 1e-4


def _turned(raw: Tensor, images: Tensor) -> Tensor:
    return unit_range(onto(unit_range((-raw).relu()), (images.shape[-2], images.shape[-1])))


@pytest.mark.parametrize(
    ("name", "last"),
    [
        ("torchvision:resnet18", "layer4.1"),
        ("torchvision:mobilenet_v2", None),
        ("torchvision:vgg11", "features.18"),
        ("timm:resnetv2_50", None),
    ],
)
def test_the_layer_is_chosen_and_split(name: str, last: str | None) -> None:
    model, images = _network(name), torch.randn(1, 3, 96, 96)
    found = grad_cam(model, images)
    assert bool(torch.isfinite(found.maps).all()) and found.layers == (last or found.layers[0],)
    if "vgg" in name:
        return
    parts = split(model, images)
    assert parts.unit == found.layers[0]
    torch.testing.assert_close(parts.whole, found.raw[0], rtol=1e-3, atol=1e-4)
    path = through(model, images)
    sums = path.stem + path.added.sum(1) + path.offsets.sum(1)
    torch.testing.assert_close(sums, path.evidence, rtol=1e-3, atol=1e-4)


def test_a_page_about_a_peers_network_is_whole(tmp_path: Path) -> None:
    photo = tmp_path / "photo.png"
    pixels = np.random.default_rng(0).integers(256, size=(96, 96, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(photo)
    out = tmp_path / "page"
    explain("torchvision:resnet18", photo, method=["grad-cam"], size=64, num_classes=7, out=out)
    page = (out / "explain.html").read_text()
    assert page.count("<figure") == 6 and "layer4" in page and "random weights" in page
    names = [path.name for path in out.glob("*.png")]
    assert {f"1-photo-{name}.png" for name in ("grad-cam", "split", "way")} <= {*names}
