"""ResNet-D: a deep stem, and shortcuts that average before they project.

He et al. 2018, "Bag of tricks for image classification", arXiv 1812.01187.
"""

from functools import partial

from plusx import parts
from plusx.zoo.network import Family
from plusx.zoo.resnet import resnet18, resnet34, resnet50, resnet101, resnet152

__all__ = ["FAMILIES"]

_BUILDERS = {18: resnet18, 34: resnet34, 50: resnet50, 101: resnet101, 152: resnet152}
_STEMS = {"small": parts.small_stem, "large": parts.deep_stem}

FAMILIES = (
    Family(
        name="resnet-d",
        paper="He et al. 2018, Bag of tricks for image classification",
        year=2018,
        equation="y = relu(project(avg-pool(x)) + transform(x))",
        good_for="photographs: a ResNet, a little better for a little more",
        size=224,
        num_classes=1000,
        models={
            f"resnet{depth}d": partial(builder, stem=parts.deep_stem, shortcut=parts.avg_project)
            for depth, builder in _BUILDERS.items()
        },
        options={"stem": _STEMS},
        small_size=32,
    ),
)
