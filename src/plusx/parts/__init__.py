"""What units are made of, each a function that returns a plain module with named children."""

from plusx.parts.basics import conv, he_init, linear_head, sequence
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
    "Pad",
    "Shortcut",
    "Stem",
    "Transform",
    "avg_project",
    "basic",
    "bottleneck",
    "bottleneck_2015",
    "conv",
    "deep_stem",
    "he_init",
    "identity",
    "large_stem",
    "linear_head",
    "pad",
    "project",
    "project_all",
    "sequence",
    "small_stem",
]
