"""torchvision's names, family by family."""

from collections.abc import Mapping, Sequence

from torch import nn

from plusx.parts import NoNorm
from plusx.weights.layout import Layout, Row

__all__ = ["LAYOUTS", "vgg_features"]

_RESNET = Layout(
    "torchvision",
    (
        ("stem.conv", "conv1"),
        ("stem.norm", "bn1"),
        ("stages.{s}.{b}.unit.transform.conv{i}", "layer{s+1}.{b}.conv{i}"),
        ("stages.{s}.{b}.unit.transform.norm{i}", "layer{s+1}.{b}.bn{i}"),
        ("stages.{s}.{b}.unit.shortcut.conv", "layer{s+1}.{b}.downsample.0"),
        ("stages.{s}.{b}.unit.shortcut.norm", "layer{s+1}.{b}.downsample.1"),
        ("head.linear", "fc"),
    ),
)


def vgg_features(network: nn.Module) -> list[Row]:
    """Number all layers of all stages through: stages.1.conv1 is features.3 or features.4.

    The place of a norm that is not there is no layer.
    """
    layers = [
        f"stages.{s}.{name}"
        for s, stage in network.get_submodule("stages").named_children()
        for name, layer in stage.named_children()
        if not isinstance(layer, NoNorm)
    ]
    return [(layer, f"features.{n}") for n, layer in enumerate(layers)]


_VGG = Layout(
    "torchvision",
    lambda network: (
        *vgg_features(network),
        ("head.linear1", "classifier.0"),
        ("head.linear2", "classifier.3"),
        ("head.linear3", "classifier.6"),
    ),
)


def densenet(dot: str = "") -> list[Row]:
    """Stages at the even places are dense blocks, those at the odd ones transitions."""
    rows: list[Row] = [
        ("stem.conv", "features.conv0"),
        ("stem.norm", "features.norm0"),
        ("head.norm", "features.norm5"),
        ("head.linear", "classifier"),
    ]
    for n in range(4):
        unit, key = (
            f"stages.{2 * n}.{{b}}.transform",
            f"features.denseblock{n + 1}.denselayer{{b+1}}",
        )
        rows += [
            (f"{unit}.norm{{i}}", f"{key}.norm{dot}{{i}}"),
            (f"{unit}.conv{{i}}", f"{key}.conv{dot}{{i}}"),
            (f"stages.{2 * n + 1}", f"features.transition{n + 1}"),
        ]
    return rows


_DENSENET = (
    Layout("torchvision", densenet()),
    Layout("torchvision", densenet(".")),  # norm.1 for norm1: the files that it publishes
)

_INVERTED = ("stages.{s}.{b}", "stages.{s}.{b}.transform")  # without and with a shortcut


def _mobilenet(network: nn.Module) -> list[Row]:
    """Number all blocks of all stages through; those of the first do not expand."""
    rows: list[Row] = [
        ("stem.conv", "features.0.0"),
        ("stem.norm", "features.0.1"),
        ("head.linear", "classifier.1"),
    ]
    number = 0
    for s, stage in network.get_submodule("stages").named_children():
        for b, _ in stage.named_children():
            number += 1
            key, n = f"features.{number}.conv", int(s != "0")
            for unit in (form.format(s=s, b=b) for form in _INVERTED):
                rows += [
                    (f"{unit}.expand.conv", f"{key}.0.0"),
                    (f"{unit}.expand.norm", f"{key}.0.1"),
                    (f"{unit}.depthwise.conv", f"{key}.{n}.0"),
                    (f"{unit}.depthwise.norm", f"{key}.{n}.1"),
                    (f"{unit}.project.conv", f"{key}.{n + 1}"),
                    (f"{unit}.project.norm", f"{key}.{n + 2}"),
                ]
    last = f"features.{number + 1}"
    return [*rows, ("head.conv", f"{last}.0"), ("head.norm", f"{last}.1")]


def _efficientnet() -> list[Row]:
    """The blocks of the first stage do not expand, so that they have one layer less."""
    rows: list[Row] = [
        ("stem.conv", "features.0.0"),
        ("stem.norm", "features.0.1"),
        ("head.conv", "features.8.0"),
        ("head.norm", "features.8.1"),
        ("head.linear", "classifier.1"),
    ]
    for s, key, n in (("0", "features.1.{b}.block", 0), ("{s}", "features.{s+1}.{b}.block", 1)):
        for unit in (form.replace("{s}", s) for form in _INVERTED):
            rows += [
                (f"{unit}.expand.conv", f"{key}.0.0"),
                (f"{unit}.expand.norm", f"{key}.0.1"),
                (f"{unit}.depthwise.conv", f"{key}.{n}.0"),
                (f"{unit}.depthwise.norm", f"{key}.{n}.1"),
                (f"{unit}.gate.weigh.reduce", f"{key}.{n + 1}.fc1"),
                (f"{unit}.gate.weigh.expand", f"{key}.{n + 1}.fc2"),
                (f"{unit}.project.conv", f"{key}.{n + 2}.0"),
                (f"{unit}.project.norm", f"{key}.{n + 2}.1"),
            ]
    return rows


_VIDEO = Layout(
    "torchvision",
    (
        ("stem.conv", "stem.0"),
        ("stem.norm", "stem.1"),
        ("stem.conv1", "stem.0"),
        ("stem.norm1", "stem.1"),
        ("stem.conv2", "stem.3"),
        ("stem.norm2", "stem.4"),
        ("stages.{s}.{b}.unit.transform.conv{i}.space", "layer{s+1}.{b}.conv{i}.0.0"),
        ("stages.{s}.{b}.unit.transform.conv{i}.norm", "layer{s+1}.{b}.conv{i}.0.1"),
        ("stages.{s}.{b}.unit.transform.conv{i}.time", "layer{s+1}.{b}.conv{i}.0.3"),
        ("stages.{s}.{b}.unit.transform.conv{i}", "layer{s+1}.{b}.conv{i}.0"),
        ("stages.{s}.{b}.unit.transform.norm{i}", "layer{s+1}.{b}.conv{i}.1"),
        ("stages.{s}.{b}.unit.shortcut.conv", "layer{s+1}.{b}.downsample.0"),
        ("stages.{s}.{b}.unit.shortcut.norm", "layer{s+1}.{b}.downsample.1"),
        ("head.linear", "fc"),
    ),
)

_BLOCK = "encoder.layers.encoder_layer_{b}"
_VIT = Layout(
    "torchvision",
    (
        ("stem.conv", "conv_proj"),
        ("stem.token", "class_token"),
        ("stem.position", "encoder.pos_embedding"),
        ("stages.{b}.0.transform.norm", f"{_BLOCK}.ln_1"),
        ("stages.{b}.0.transform.qkv.weight", f"{_BLOCK}.self_attention.in_proj_weight"),
        ("stages.{b}.0.transform.qkv.bias", f"{_BLOCK}.self_attention.in_proj_bias"),
        ("stages.{b}.0.transform.project", f"{_BLOCK}.self_attention.out_proj"),
        ("stages.{b}.1.transform.norm", f"{_BLOCK}.ln_2"),
        ("stages.{b}.1.transform.linear1", f"{_BLOCK}.mlp.0"),
        ("stages.{b}.1.transform.linear2", f"{_BLOCK}.mlp.3"),
        ("head.norm", "encoder.ln"),
        ("head.linear", "heads.head"),
    ),
)

LAYOUTS: Mapping[str, Sequence[Layout]] = {
    "densenet": _DENSENET,
    "efficientnet": (Layout("torchvision", _efficientnet()),),
    "mobilenet-v2": (Layout("torchvision", _mobilenet),),
    "resnet": (_RESNET,),
    "resnet-cifar": (_RESNET,),
    "resnext": (_RESNET,),
    "resnext-cifar": (_RESNET,),
    "vgg": (_VGG,),
    "video-resnet": (_VIDEO,),
    "vit": (_VIT,),
    "vit-small-images": (_VIT,),
    "wide": (_RESNET,),
}
