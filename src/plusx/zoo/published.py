"""Accuracies as others published them: each figure with the place where it stands.

None is ours, and networks here may differ in details from those that were trained, as their
family's deviations say. A name that is not here has no figure for this very network that could be
found and read.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

__all__ = ["PUBLISHED", "Published"]


@dataclass(frozen=True)
class Published:
    """An accuracy or an error in words, and the paper and table, or the file, that it is from."""

    figure: str
    source: str

    def __str__(self) -> str:
        return f"{self.figure} ({self.source})"


_TOP1 = "{}% top-1 on ImageNet"
_TOP1_AT = "{}% top-1 on ImageNet at {} pixels"
_IMAGENET = "{}% error on ImageNet"
_CIFAR10 = "{}% error on CIFAR-10"
_CIFAR = "{}% error on CIFAR-10, {}% on CIFAR-100"

_CODE = "README of the authors' code"
_HE_2015 = "He et al. 2015"
_HE_2016 = "He et al. 2016, Identity mappings"
_TIMM = "timm, results-imagenet.csv"
_TORCHVISION = "torchvision, IMAGENET1K_V1"

_TABLES: Sequence[tuple[str, str, Mapping[str, str]]] = (
    (
        _TORCHVISION,
        _TOP1,
        {
            "resnet18": "69.76",
            "resnet34": "73.31",
            "resnet50": "76.13",
            "resnet101": "77.37",
            "resnet152": "78.31",
            "resnext50_32x4d": "77.62",
            "resnext101_32x8d": "79.31",
            "resnext101_64x4d": "83.25",
            "wide_resnet50_2": "78.47",
            "wide_resnet101_2": "78.85",
            "vgg11": "69.02",
            "vgg11_bn": "70.37",
            "vgg13": "69.93",
            "vgg13_bn": "71.59",
            "vgg16": "71.59",
            "vgg16_bn": "73.36",
            "vgg19": "72.38",
            "vgg19_bn": "74.22",
            "vit_base_patch16_224": "81.07",
        },
    ),
    (
        _TORCHVISION,
        _TOP1_AT,
        {
            "efficientnet_b0": "77.69 224",
            "efficientnet_b1": "78.64 240",
            "efficientnet_b2": "80.61 288",
            "efficientnet_b3": "82.01 300",
            "efficientnet_b4": "83.38 380",
            "efficientnet_b5": "83.44 456",
            "efficientnet_b6": "84.01 528",
            "efficientnet_b7": "84.12 600",
        },
    ),
    (
        "torchvision, KINETICS400_V1",
        "{}% top-1 on Kinetics-400",
        {"mc3_18": "63.96", "r2plus1d_18": "67.46", "r3d_18": "63.20"},
    ),
    (f"{_HE_2015}, table 2, 10 crops", _IMAGENET, {"plain18": "27.94", "plain34": "28.54"}),
    (f"{_HE_2015}, figure 6", "over {}% error on CIFAR-10", {"plain110": "60"}),
    (
        f"{_HE_2015}, table 6",
        _CIFAR10,
        {
            "resnet20": "8.75",
            "resnet32": "7.51",
            "resnet44": "7.17",
            "resnet56": "6.97",
            "resnet1202": "7.93",
        },
    ),
    (f"{_HE_2015}, table 6, best of 5", f"{_CIFAR10} (mean {{}}%)", {"resnet110": "6.43 6.61"}),
    (
        f"{_HE_2016}, table 3",
        _CIFAR,
        {
            "resnet164": "5.93 25.16",
            "resnet1001": "7.61 27.82",
            "preact_resnet164": "5.46 24.33",
            "preact_resnet1001": "4.92 22.71",
        },
    ),
    (f"{_HE_2016}, table 3", _CIFAR10, {"preact_resnet110": "6.37"}),
    (
        f"{_HE_2016}, table 5",
        "{}% error on ImageNet at 320 pixels",
        {"resnet200": "21.8", "resnetv2_152": "21.1", "resnetv2_200": "20.7"},
    ),
    (
        f"{_TIMM}, a1h_in1k",
        _TOP1_AT,
        {"resnetv2_50": "81.40 288", "resnetv2_101": "83.00 288"},
    ),
    (
        "Zagoruyko and Komodakis 2016, table 5, median of 5",
        _CIFAR,
        {"wrn16_8": "4.27 20.43", "wrn28_10": "4.00 19.25", "wrn40_4": "4.53 21.18"},
    ),
    (
        "Xie et al. 2016, table 7, mean of 10",
        _CIFAR,
        {"resnext29_8x64d": "3.65 17.77", "resnext29_16x64d": "3.58 17.31"},
    ),
    (
        _CODE,
        _CIFAR,
        {
            "pyramidnet110_a48": "4.62 23.31",
            "pyramidnet110_a84": "4.27 20.21",
            "pyramidnet110_a270": "3.73 18.25",
            "pyramidnet164_a48": "4.21 19.52",
            "pyramidnet164_a84": "3.96 18.32",
            "pyramidnet164_a270": "3.48 17.01",
            "pyramidnet272_a200": "3.31 16.35",
            "densenet40_12": "5.24 24.42",
            "densenet_bc100_12": "4.51 22.27",
            "densenet_bc190_40": "3.46 17.18",
            "densenet_bc250_24": "3.62 17.60",
        },
    ),
    (f"{_TIMM}, ra2_in1k", _TOP1_AT, {"resnet18d": "73.79 288", "resnet34d": "78.44 288"}),
    (
        f"{_TIMM}, gluon_in1k",
        _TOP1,
        {"resnet50d": "79.08", "resnet101d": "80.43", "resnet152d": "80.48"},
    ),
    (
        _CODE,
        _TOP1_AT,
        {
            "resnetrs50": "78.8 160",
            "resnetrs101": "81.2 192",
            "resnetrs152": "83.0 256",
            "resnetrs200": "83.4 256",
            "resnetrs270": "83.8 256",
            "resnetrs350": "84.2 320",
            "resnetrs420": "84.4 320",
        },
    ),
    (
        _CODE,
        _IMAGENET,
        {
            "seresnet50": "22.37",
            "seresnet101": "21.75",
            "seresnet152": "21.34",
            "seresnext50_32x4d": "20.97",
            "seresnext101_32x4d": "19.81",
            "densenet121": "25.0",
            "densenet161": "22.2",
            "densenet169": "23.6",
            "densenet201": "22.5",
        },
    ),
    (f"{_TIMM}, miil_in1k", _TOP1_AT, {"ecaresnet50d": "81.65 288"}),
    (
        _CODE,
        _TOP1,
        {
            "cbam_resnet50": "77.62",
            "bam_resnet50": "76.86",
            "ecaresnet50": "77.48",
            "ecaresnet101": "78.65",
            "ecaresnet152": "78.92",
        },
    ),
    (
        "Gastaldi 2017, table 1, mean of 3 (2x96d: of 5)",
        _CIFAR10,
        {"shake26_2x32d": "3.55", "shake26_2x64d": "2.98", "shake26_2x96d": "2.86"},
    ),
    ("README of kakaobrain/fast-autoaugment, baseline", _CIFAR10, {"shake26_2x112d": "2.8"}),
    ("README of kuangliu/pytorch-cifar", "{}% on CIFAR-10", {"vgg16_bn_cifar": "92.64"}),
    (
        "Srivastava et al. 2015, table 2",
        "{}% on CIFAR-10",
        {"highway_conv19": "92.46", "highway_conv32": "91.20"},
    ),
    (
        "Sandler et al. 2018, table 4",
        _TOP1,
        {"mobilenet_v2": "72.0", "mobilenet_v2_140": "74.7"},
    ),
    (
        "README of DeiT, Touvron et al. 2020",
        _TOP1,
        {"vit_tiny_patch16_224": "72.2", "vit_small_patch16_224": "79.9"},
    ),
    (
        "README of hfawaz/dl-4-tsc, Ismail Fawaz et al. 2019, mean of 10",
        "{}% on ECG5000",
        {"resnet_tsc": "93.4"},
    ),
)

PUBLISHED: Mapping[str, Published] = {
    name: Published(words.format(*figures.split()), source)
    for source, words, table in _TABLES
    for name, figures in table.items()
}
