"""Dual stream: colour and brightness apart, y = head_1(f_1(colour(x))) + head_2(f_2(L(x))).

After Simonyan and Zisserman 2014, "Two-stream convolutional networks for action recognition in
videos", arXiv 1406.2199, whose streams see a frame and its motion.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import partial

from torch import nn

from plusx import parts
from plusx.branch.streams import Fusion, Joined, joined, weighed
from plusx.errors import InputError
from plusx.parts import VECTOR
from plusx.parts.colour import REC_601, Brightness, Colour
from plusx.zoo.mlp import ONE_PLACE, Flat, dense, dense_init
from plusx.zoo.network import NO_UNITS, Family, Network, Options, Range
from plusx.zoo.resnet import OPTIONS, TRANSFORMS, resnet
from plusx.zoo.streams import Stream, beside

__all__ = ["FAMILIES", "dual_stream"]

Fuse = Callable[[int, int], Fusion]
"""Makes what joins features, from their width and the number of streams."""


def dual_stream(
    network: Callable[..., Network],
    *,
    widths: Sequence[int],
    fusion: Fuse | None = None,
    after: int | None = None,
    red: float = REC_601[0],
    blue: float = REC_601[2],
    num_classes: int = 1000,
    in_channels: int = 3,
) -> Network:
    """Two of `network`, of three channels for colour and of one for brightness.

    `widths` are the channels that its stages give, `red` and `blue` their weights in the
    brightness, green the rest. Images (B, 3, H, W), or grey (B, 1, H, W), whose colour is three
    equal channels: the parameters are the same.
    """
    if in_channels not in (1, 3):
        raise InputError(
            f"in_channels is {in_channels}; colour and brightness are those of 3 channels, or of "
            "1 where the images are grey"
        )
    count = len(widths) if after is None else after
    if fusion is not None and count > len(widths):
        raise InputError(f"after is {count}, and the streams have {len(widths)} stages")
    green = max(1 - red - blue, 0.0)  # 1 - 0.9 - 0.1 is below 0, by a rounding
    made = {
        "rgb": Stream(Colour(), network(num_classes=num_classes, in_channels=3)),
        "l": Stream(
            Brightness((red, green, blue)), network(num_classes=num_classes, in_channels=1)
        ),
    }
    joint = None if fusion is None else fusion(widths[count - 1], len(made))
    return beside(made, fusion=joint, after=after)


def _dual_resnet(
    *,
    transform: parts.Transform,
    depths: Sequence[int],
    widths: Sequence[int],
    stem: parts.Stem = parts.large_stem,
    shortcut: parts.Shortcut = parts.project,
    fusion: Fuse | None = None,
    after: int | None = None,
    red: float = REC_601[0],
    blue: float = REC_601[2],
    num_classes: int = 1000,
    in_channels: int = 3,
) -> Network:
    """Two ResNets of He et al. 2015, table 1."""
    network = partial(
        resnet,
        transform=transform,
        depths=depths,
        widths=widths,
        stem_width=64,
        stem=stem,
        shortcut=shortcut,
    )
    return dual_stream(
        network,
        widths=widths,
        fusion=fusion,
        after=after,
        red=red,
        blue=blue,
        num_classes=num_classes,
        in_channels=in_channels,
    )


def _dense_stream(
    *, widths: Sequence[int], image_size: int, num_classes: int, in_channels: int
) -> Network:
    """Flatten, linear and ReLU for each of `widths`, linear; He initialisation."""
    before = (in_channels * image_size**2, *widths[:-1])
    network = Network(
        stem=parts.sequence(flat=Flat(in_channels, image_size)),
        stages=nn.Sequential(*(dense(a, b) for a, b in zip(before, widths, strict=True))),
        head=parts.sequence(linear=nn.Linear(widths[-1], num_classes)),
        size=image_size,
    )
    dense_init(network)
    return network


def _dual_mlp(
    *,
    widths: Sequence[int] = (128, 64, 32),
    image_size: int = 28,
    fusion: Fuse | None = None,
    after: int | None = None,
    red: float = REC_601[0],
    blue: float = REC_601[2],
    num_classes: int = 10,
    in_channels: int = 3,
) -> Network:
    """Two dense networks, of 3 and of 1 number a pixel."""
    return dual_stream(
        partial(_dense_stream, widths=widths, image_size=image_size),
        widths=widths,
        fusion=fusion,
        after=after,
        red=red,
        blue=blue,
        num_classes=num_classes,
        in_channels=in_channels,
    )


def _joined_rows(width: int, num: int) -> Joined:
    mix = dense(num * width, width)
    dense_init(mix)
    return Joined(mix)


_WEIGHTS: Options = {"red": Range(0, 1), "blue": Range(0, 1)}
_FUSIONS: Mapping[str, Fuse | None] = {"logits": None, "concat": joined, "gate": weighed}
_ROWS: Mapping[str, Fuse | None] = {
    "logits": None,
    "concat": _joined_rows,
    "gate": partial(weighed, space=VECTOR),
}
_EQUATION = "y = head(f(colour(x))) + head(g(brightness(x))), f and g of "
_DEVIATIONS = (
    "the paper's streams are a frame and its optical flow; here they are the colour and the "
    "brightness of one image, and no paper has exactly this network",
    "the paper averages probabilities; here logits are added, so that a stream's part is exact",
    "brightness is that of the images as the network gets them: of normalised ones it is the "
    "pixels' brightness, itself normalised, where the weights suit the deviations "
    "(parts.colour.weights_of_normalised; `plusx train` sets red and blue so)",
)
_PAPER = (
    "Simonyan and Zisserman 2014, Two-stream convolutional networks for action recognition in "
    "videos"
)
_TWO = {"basic": (64, 128, 256, 512), "bottleneck": (256, 512, 1024, 2048)}

FAMILIES = (
    Family(
        name="dual-stream",
        paper=_PAPER,
        year=2014,
        equation=_EQUATION + "units relu(shortcut(x) + transform(x))",
        good_for="photographs, where colour and shape are to be told apart",
        size=224,
        num_classes=1000,
        models={
            f"dualstream_resnet{depth}": partial(
                _dual_resnet, transform=TRANSFORMS[kind], depths=depths, widths=_TWO[kind]
            )
            for depth, kind, depths in (
                (18, "basic", (2, 2, 2, 2)),
                (34, "basic", (3, 4, 6, 3)),
                (50, "bottleneck", (3, 4, 6, 3)),
            )
        },
        options={**OPTIONS, "fusion": _FUSIONS, "after": Range(1, 4, whole=True), **_WEIGHTS},
        deviations=_DEVIATIONS,
    ),
    Family(
        name="dual-stream-mlp",
        paper=_PAPER,
        year=2014,
        equation=_EQUATION + "linear and ReLU",
        good_for="a baseline: what colour and brightness tell apart without convolutions",
        size=28,
        num_classes=10,
        models={"dualstream_mlp": _dual_mlp},
        options={
            "image_size": Range(1, 512, whole=True),
            "fusion": _ROWS,
            "after": Range(1, 3, whole=True),
            **_WEIGHTS,
        },
        small_size=28,
        without={**NO_UNITS, **ONE_PLACE},
        deviations=_DEVIATIONS,
    ),
)
