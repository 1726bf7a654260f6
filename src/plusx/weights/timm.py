"""timm's names, family by family."""

from collections.abc import Mapping, Sequence

from torch import nn

from plusx.unit import units
from plusx.weights.layout import CONV_1X1, Layout, Row, as_conv
from plusx.weights.torchvision import densenet, vgg_features

__all__ = ["LAYOUTS"]

_RESNET: Sequence[Row] = (
    ("stem.conv", "conv1"),
    ("stem.norm", "bn1"),
    ("stem.conv1", "conv1.0"),
    ("stem.norm1", "conv1.1"),
    ("stem.conv2", "conv1.3"),
    ("stem.norm2", "conv1.4"),
    ("stem.conv3", "conv1.6"),
    ("stem.norm3", "bn1"),
    ("stem.conv4", "maxpool.0"),  # ResNet-RS
    ("stem.norm4", "maxpool.1"),
    ("stages.{s}.{b}.unit.transform.conv{i}", "layer{s+1}.{b}.conv{i}"),
    ("stages.{s}.{b}.unit.transform.norm{i}", "layer{s+1}.{b}.bn{i}"),
    ("stages.{s}.{b}.unit.transform.gate.weigh.reduce", "layer{s+1}.{b}.se.fc1"),
    ("stages.{s}.{b}.unit.transform.gate.weigh.expand", "layer{s+1}.{b}.se.fc2"),
    ("stages.{s}.{b}.unit.transform.gate.conv", "layer{s+1}.{b}.se.conv"),  # ECA
    ("head.linear", "fc"),
)


def _resnet(network: nn.Module) -> list[Row]:
    """A shortcut that averages first (ResNet-D) has its pool as downsample.0, also at stride 1."""
    pooled = any(
        isinstance(part, nn.AvgPool2d)
        for unit in units(network)
        for part in unit.shortcut.modules()
    )
    return [
        *_RESNET,
        ("stages.{s}.{b}.unit.shortcut.conv", f"layer{{s+1}}.{{b}}.downsample.{int(pooled)}"),
        ("stages.{s}.{b}.unit.shortcut.norm", f"layer{{s+1}}.{{b}}.downsample.{1 + pooled}"),
    ]


_POST = (Layout("timm", _resnet),)

_PREACT = Layout(
    "timm",
    (
        ("stem.conv", "stem.conv"),
        ("stages.{s}.{b}.norm", "stages.{s}.blocks.{b}.norm1"),
        ("stages.{s}.{b}.unit.transform", "stages.{s}.blocks.{b}"),
        ("stages.{s}.{b}.unit.shortcut", "stages.{s}.blocks.{b}.downsample.conv"),
        ("stages.{s}.{b}.transform", "stages.{s}.blocks.{b}"),
        ("head.norm", "norm"),
        ("head.linear", "head.fc", CONV_1X1),
    ),
)

_VGG = Layout(
    "timm",
    lambda network: (
        *vgg_features(network),
        ("head.linear1", "pre_logits.fc1", as_conv(7)),
        ("head.linear2", "pre_logits.fc2", CONV_1X1),
        ("head.linear3", "head.fc"),
    ),
)


def _inverted() -> list[Row]:
    """MobileNetV2 and EfficientNet: the blocks of the first stage do not expand."""
    rows: list[Row] = [
        ("stem.conv", "conv_stem"),
        ("stem.norm", "bn1"),
        ("head.conv", "conv_head"),
        ("head.norm", "bn2"),
        ("head.linear", "classifier"),
    ]
    for s, project, n in (("0", "conv_pw", 1), ("{s}", "conv_pwl", 2)):
        for unit in (f"stages.{s}.{{b}}", f"stages.{s}.{{b}}.transform"):
            rows += [
                (f"{unit}.expand.conv", f"blocks.{s}.{{b}}.conv_pw"),
                (f"{unit}.expand.norm", f"blocks.{s}.{{b}}.bn1"),
                (f"{unit}.depthwise.conv", f"blocks.{s}.{{b}}.conv_dw"),
                (f"{unit}.depthwise.norm", f"blocks.{s}.{{b}}.bn{n}"),
                (f"{unit}.gate.weigh.reduce", f"blocks.{s}.{{b}}.se.conv_reduce"),
                (f"{unit}.gate.weigh.expand", f"blocks.{s}.{{b}}.se.conv_expand"),
                (f"{unit}.project.conv", f"blocks.{s}.{{b}}.{project}"),
                (f"{unit}.project.norm", f"blocks.{s}.{{b}}.bn{n + 1}"),
            ]
    return rows


_INVERTED = (Layout("timm", _inverted()),)

_VIT = Layout(
    "timm",
    (
        ("stem.conv", "patch_embed.proj"),
        ("stem.token", "cls_token"),
        ("stem.position", "pos_embed"),
        ("stages.{b}.0.transform.norm", "blocks.{b}.norm1"),
        ("stages.{b}.0.transform.qkv", "blocks.{b}.attn.qkv"),
        ("stages.{b}.0.transform.project", "blocks.{b}.attn.proj"),
        ("stages.{b}.0.merge.scale", "blocks.{b}.ls1.gamma"),
        ("stages.{b}.1.transform.norm", "blocks.{b}.norm2"),
        ("stages.{b}.1.transform.linear{i}", "blocks.{b}.mlp.fc{i}"),
        ("stages.{b}.1.merge.scale", "blocks.{b}.ls2.gamma"),
        ("head.norm", "norm"),
        ("head.linear", "head"),
    ),
)

LAYOUTS: Mapping[str, Sequence[Layout]] = {
    "densenet": (Layout("timm", densenet()),),
    "eca-resnet": _POST,
    "eca-resnet-d": _POST,
    "efficientnet": _INVERTED,
    "mobilenet-v2": _INVERTED,
    "preact": (_PREACT,),
    "resnet": _POST,
    "resnet-d": _POST,
    "resnet-rs": _POST,
    "resnext": _POST,
    "se-resnet": _POST,
    "se-resnext": _POST,
    "vgg": (_VGG,),
    "vit": (_VIT,),
    "vit-small-images": (_VIT,),
    "wide": _POST,
}
