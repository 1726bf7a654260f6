"""What units are made of, each a function that returns a plain module with named children."""

from plusx.parts.basics import conv, he_init, linear_head, sequence
from plusx.parts.norms import Bias, channel_norm, group_norm, instance_norm
from plusx.parts.preact import (
    bare_large_stem,
    bare_project,
    bare_small_stem,
    norm_act_head,
    preact_basic,
    preact_bottleneck,
    preact_bottleneck_2016,
)
from plusx.parts.shortcuts import (
    Pad,
    Shortcut,
    avg_project,
    identity,
    pad,
    project,
    project_all,
)
from plusx.parts.stems import Stem, deep_stem, large_stem, small_stem
from plusx.parts.transforms import Transform, basic, bottleneck, bottleneck_2015

__all__ = [
    "Bias",
    "Pad",
    "Shortcut",
    "Stem",
    "Transform",
    "avg_project",
    "bare_large_stem",
    "bare_project",
    "bare_small_stem",
    "basic",
    "bottleneck",
    "bottleneck_2015",
    "channel_norm",
    "conv",
    "deep_stem",
    "group_norm",
    "he_init",
    "identity",
    "instance_norm",
    "large_stem",
    "linear_head",
    "norm_act_head",
    "pad",
    "preact_basic",
    "preact_bottleneck",
    "preact_bottleneck_2016",
    "project",
    "project_all",
    "sequence",
    "small_stem",
]
