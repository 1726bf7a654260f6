"""Attention: y = relu(shortcut(x) + gate(transform(x))).

Hu et al. 2017, arXiv 1709.01507 (SE); Wang et al. 2019, arXiv 1910.03151 (ECA); Woo et al. 2018,
arXiv 1807.06521 (CBAM). Attention that stands between the units: `attention_between`.
"""

from collections.abc import Callable, Sequence
from functools import partial

from plusx import parts
from plusx.branch import ATTENTION, CBAM, ECA, SE, Gate, gated
from plusx.errors import InputError
from plusx.zoo.depths import IMAGENET_DEPTHS
from plusx.zoo.network import SHORTCUTS, STEMS, Family, Network
from plusx.zoo.resnet import OPTIONS, resnet
from plusx.zoo.resnext import aggregated

__all__ = ["FAMILIES", "attended", "of_depth", "senet"]


def attended(
    *,
    attention: Gate | None,
    transform: parts.Transform,
    depths: Sequence[int],
    widths: Sequence[int],
    stem: parts.Stem = parts.large_stem,
    shortcut: parts.Shortcut = parts.project,
    num_classes: int = 1000,
    in_channels: int = 3,
) -> Network:
    """Stem, stages of act(shortcut(x) + gate(transform(x))), linear head; He initialisation.

    Hu et al. 2017, figure 3. Without attention a ResNet. Input (B, in_channels, H, W), logits
    (B, num_classes).
    """
    return resnet(
        transform=gated(transform, attention),
        depths=depths,
        widths=widths,
        stem_width=64,
        stem=stem,
        shortcut=shortcut,
        num_classes=num_classes,
        in_channels=in_channels,
    )


def se_of_eight(width: int, *, space: parts.Space = parts.PLANE) -> SE:
    """SE whose width inside is C / 16, but at least 8: of 64 channels the paper would leave 4."""
    return SE(width, inner=max(8, width // 16), space=space)


def of_depth(build: Callable[..., Network], depth: int) -> Callable[..., Network]:
    """Return the builder of a depth: basic units below 50 layers, bottlenecks from there on."""
    if depth not in IMAGENET_DEPTHS:
        raise InputError(
            f"a ResNet for photographs has {', '.join(map(str, IMAGENET_DEPTHS))} layers, "
            f"not {depth}"
        )
    widths = (64, 128, 256, 512) if depth < 50 else (256, 512, 1024, 2048)
    transform = parts.basic if depth < 50 else parts.bottleneck
    return partial(build, transform=transform, depths=IMAGENET_DEPTHS[depth], widths=widths)


def senet(depth: int, cardinality: int, base_width: int) -> Callable[..., Network]:
    """SE on ResNeXt, `cardinality` paths of `base_width` channels. Returns the builder.

    Hu et al. 2017, table 2. `ValueError` for a depth without bottlenecks or no paths.
    """
    if depth < 50:
        raise InputError(f"a ResNeXt has bottlenecks, from 50 layers on; {depth} is too few")
    build = of_depth(partial(attended, attention=se_of_eight), depth)
    return partial(build, transform=aggregated(cardinality, base_width))


_se = partial(of_depth, partial(attended, attention=se_of_eight))
_eca = partial(of_depth, partial(attended, attention=ECA))
_eca_d = partial(
    of_depth,
    partial(attended, attention=ECA, stem=parts.deep_stem, shortcut=parts.avg_project),
)
_cbam = partial(of_depth, partial(attended, attention=CBAM))

_ATTENTION = {**ATTENTION, "se": se_of_eight}
_ATTENDED = {**OPTIONS, "attention": _ATTENTION}
_SE = partial(
    Family,
    paper="Hu et al. 2017, Squeeze-and-excitation networks",
    year=2017,
    equation="y = relu(shortcut(x) + SE(transform(x)))",
    size=224,
    num_classes=1000,
    small_size=32,
)
_ECA = partial(
    Family,
    paper="Wang et al. 2019, ECA-Net: efficient channel attention",
    year=2019,
    equation="y = relu(shortcut(x) + ECA(transform(x)))",
    good_for="photographs: attention to channels for 86 parameters (50 layers)",
    size=224,
    num_classes=1000,
    small_size=32,
)
_RESNEXTS = (50, 101, 152)

FAMILIES = (
    _SE(
        name="se-resnet",
        good_for="photographs: more accurate than a ResNet for a tenth more parameters",
        models={f"seresnet{depth}": _se(depth) for depth in (18, 34, 50, 101, 152)},
        options=_ATTENDED,
        deviations=(
            "the stride of a bottleneck stands in its 3x3, the paper's in the first 1x1 "
            "(transform=bottleneck-2015)",
            "64 channels (seresnet18 and 34, which the paper does not have) are squeezed to 8, as "
            "in timm, not to 4",
        ),
    ),
    _SE(
        name="se-resnext",
        good_for="photographs: more accurate than SE-ResNet with the same count and MACs",
        models={f"seresnext{depth}_32x4d": senet(depth, 32, 4) for depth in (50, 101)},
        sized={f"seresnext{depth}_{{}}x{{}}d": partial(senet, depth) for depth in _RESNEXTS},
        options={"stem": STEMS, "shortcut": SHORTCUTS, "attention": _ATTENTION},
    ),
    _ECA(
        name="eca-resnet",
        models={f"ecaresnet{depth}": _eca(depth) for depth in (50, 101, 152)},
        sized={"ecaresnet{}": _eca},
        options=_ATTENDED,
        deviations=(
            "the size of a kernel follows equation 12; the authors' trained networks have sizes "
            "chosen by stage (3, 5, 5, 7 at 50 layers, 3, 3, 5, 7 above)",
        ),
    ),
    _ECA(
        name="eca-resnet-d",
        models={"ecaresnet50d": _eca_d(50)},
        sized={"ecaresnet{}d": _eca_d},
        options={
            "stem": {"small": parts.small_stem, "large": parts.deep_stem},
            "attention": _ATTENTION,
        },
        deviations=("on ResNet-D, as timm has it; the paper's is on ResNet",),
    ),
    Family(
        name="cbam-resnet",
        paper="Woo et al. 2018, CBAM: convolutional block attention module",
        year=2018,
        equation="y = relu(shortcut(x) + CBAM(transform(x)))",
        good_for="photographs: attention that says which channels and which places",
        size=224,
        num_classes=1000,
        models={"cbam_resnet50": _cbam(50)},
        sized={"cbam_resnet{}": _cbam},
        options=_ATTENDED,
        small_size=32,
        deviations=(
            "the 7x7 of the spatial gate has a BN, as in the authors' code; equation 3 has none",
        ),
    ),
)
