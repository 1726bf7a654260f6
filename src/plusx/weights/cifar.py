"""The names that most CIFAR code uses: conv1, bn1, layer1.0.conv1, ..., linear."""

from collections.abc import Mapping, Sequence

from plusx.weights.layout import Layout
from plusx.weights.torchvision import vgg_features

__all__ = ["LAYOUTS"]

_RESNET = Layout(
    "cifar",
    (
        ("stem.conv", "conv1"),
        ("stem.norm", "bn1"),
        ("stages.{s}.{b}.unit.transform.conv{i}", "layer{s+1}.{b}.conv{i}"),
        ("stages.{s}.{b}.unit.transform.norm{i}", "layer{s+1}.{b}.bn{i}"),
        ("stages.{s}.{b}.unit.shortcut.conv", "layer{s+1}.{b}.shortcut.0"),
        ("stages.{s}.{b}.unit.shortcut.norm", "layer{s+1}.{b}.shortcut.1"),
        ("head.linear", "linear"),
    ),
)

_VGG = Layout("cifar", lambda network: (*vgg_features(network), ("head.linear", "classifier")))

LAYOUTS: Mapping[str, Sequence[Layout]] = {
    "resnet": (_RESNET,),
    "resnet-cifar": (_RESNET,),
    "resnext-cifar": (_RESNET,),
    "vgg-cifar": (_VGG,),
}
