"""The named recipes: each a paper's settings."""

from dataclasses import dataclass
from typing import Literal

from plusx.errors import InputError, nearest
from plusx.train.recipe import Recipe

__all__ = [
    "RECIPES",
    "DenseNet",
    "FineTune",
    "He2015Cifar",
    "He2015ImageNet",
    "Quick",
    "RsbA2",
    "RsbA3",
    "SmallData",
    "WideResNet",
    "recipe_named",
]

Optimizer = Literal["sgd", "nesterov", "adamw", "lamb", "muon"]
Schedule = Literal["cosine", "step", "one-cycle", "linear", "constant"]


@dataclass(frozen=True, kw_only=True)
class He2015Cifar(Recipe):
    """SGD 0.1, momentum 0.9, decay 1e-4 of everything, a tenth at 1/2 and 3/4; crop and flip.

    He et al. 2015, section 4.2: 64,000 steps of 128 images, 164 passes over 50,000. Expected there:
    resnet20 8.75% error on CIFAR-10, resnet56 6.97%, resnet110 6.43% (best of 5).
    """

    epochs: int = 164
    batch_size: int | None = 128
    optimizer: Optimizer = "sgd"
    learning_rate: float | None = 0.1
    weight_decay: float = 1e-4
    decayed: Literal["weights", "all"] = "all"
    schedule: Schedule = "step"
    warmup: float = 0.0
    label_smoothing: float = 0.0


@dataclass(frozen=True, kw_only=True)
class He2015ImageNet(He2015Cifar):
    """SGD 0.1 for 256 images, decay 1e-4 of everything, a tenth at 1/3 and 2/3 of 90 passes.

    He et al. 2015, section 3.4, which divides "when the error plateaus", in up to 600,000 steps;
    the 90 passes and their places are those of Goyal et al. 2017, section 5.
    Expected: resnet50 76.1% top-1.
    """

    epochs: int = 90
    batch_size: int | None = 256
    milestones: tuple[float, ...] = (1 / 3, 2 / 3)


@dataclass(frozen=True, kw_only=True)
class WideResNet(Recipe):
    """Nesterov 0.1, decay 5e-4, a fifth at 0.3, 0.6 and 0.8 of 200 passes, batch 128.

    Zagoruyko and Komodakis 2016, section 3. Expected there: wrn28_10 4.00% error on CIFAR-10,
    median of 5.
    """

    epochs: int = 200
    batch_size: int | None = 128
    learning_rate: float | None = 0.1
    decayed: Literal["weights", "all"] = "all"
    schedule: Schedule = "step"
    milestones: tuple[float, ...] = (0.3, 0.6, 0.8)
    factor: float = 0.2
    warmup: float = 0.0
    label_smoothing: float = 0.0


@dataclass(frozen=True, kw_only=True)
class DenseNet(WideResNet):
    """Nesterov 0.1, decay 1e-4, a tenth at 1/2 and 3/4 of 300 passes, batch 64.

    Huang et al. 2016, section 4.2. Expected there: densenet_bc100_12 4.51% error on CIFAR-10.
    """

    epochs: int = 300
    batch_size: int | None = 64
    weight_decay: float = 1e-4
    milestones: tuple[float, ...] = (0.5, 0.75)
    factor: float = 0.1


@dataclass(frozen=True, kw_only=True)
class RsbA3(Recipe):
    """LAMB 0.008, BCE, mixup 0.1, cutmix 1, RandAugment 6, crops of 160 pixels, 100 passes.

    Wightman et al. 2021, "ResNet strikes back", table 2, A3. Expected there: resnet50 78.1% top-1
    at 224 pixels.
    """

    epochs: int = 100
    batch_size: int | None = 2048
    optimizer: Optimizer = "lamb"
    learning_rate: float | None = 8e-3
    weight_decay: float = 0.02
    warmup: float = 0.05
    loss: Literal["ce", "bce"] = "bce"
    label_smoothing: float = 0.0
    mixup: float = 0.1
    cutmix: float = 1.0
    policy: Literal["none", "randaugment", "trivialaugment"] = "randaugment"
    magnitude: float = 6
    clip: float = 1.0
    train_size: int | None = 160


@dataclass(frozen=True, kw_only=True)
class RsbA2(RsbA3):
    """LAMB 0.005, BCE, mixup 0.1, cutmix 1, RandAugment 7, each image three times, 300 passes.

    Wightman et al. 2021, "ResNet strikes back", table 2, A2: also stochastic depth 0.05. Expected
    there: resnet50 79.8% top-1.
    """

    epochs: int = 300
    learning_rate: float | None = 5e-3
    warmup: float = 5 / 300
    magnitude: float = 7
    repeats: int = 3
    drop_path: float = 0.05
    train_size: int | None = None


@dataclass(frozen=True, kw_only=True)
class FineTune(Recipe):
    """Nesterov 0.01, decay 1e-4, a cosine of 15 passes: for weights that know images already.

    Kornblith et al. 2018, "Do better ImageNet models transfer better?", section 3: rates around
    0.01 and small decays did best for fine-tuning; the fewer passes are ours. Use it with
    `--weights` and `--tune`.
    """

    epochs: int = 15
    learning_rate: float | None = 0.01
    weight_decay: float = 1e-4
    warmup: float = 0.1
    ema: float = 0.99


@dataclass(frozen=True, kw_only=True)
class SmallData(Recipe):
    """More passes, stronger augmentation and decay, by how far parameters outnumber images.

    Brigato and Iocchi 2020, "A close look at deep learning with small data", for long training with
    tuned decay. What stands here is the mildest; `plusx.train.small_data.advise` raises it by the
    ratio, and the run says what and why.
    """

    epochs: int = 100
    weight_decay: float = 5e-4


@dataclass(frozen=True, kw_only=True)
class Quick(Recipe):
    """Muon with one cycle of 8 passes, label smoothing 0.2, cutout, averaged weights.

    Keller Jordan 2024, "94% on CIFAR-10 in 3.29 seconds on a single GPU", arXiv 2404.00498, for
    the parts. The fastest way to a good result on small images. Seen on Fashion-MNIST's
    test images: resnet20 93.48%, resnet56 93.73% (README: three seeds, intervals, commands).
    """

    epochs: int = 8
    least_steps: int = 500
    optimizer: Optimizer = "muon"
    schedule: Schedule = "one-cycle"
    warmup: float = 0.2
    label_smoothing: float = 0.2
    cutout: float = 0.25
    ema: float = 0.99


RECIPES: dict[str, type[Recipe]] = {
    "usual": Recipe,
    "quick": Quick,
    "he2015-cifar": He2015Cifar,
    "he2015-imagenet": He2015ImageNet,
    "wide-resnet": WideResNet,
    "densenet": DenseNet,
    "rsb-a2": RsbA2,
    "rsb-a3": RsbA3,
    "fine-tune": FineTune,
    "small-data": SmallData,
}


def recipe_named(name: str) -> Recipe:
    """Return the recipe `name`; `InputError` with the nearest for one that is not known."""
    if name not in RECIPES:
        raise InputError(
            f"recipe {name!r} is not known{nearest(name, RECIPES)}; there are {', '.join(RECIPES)}"
        )
    return RECIPES[name]()
