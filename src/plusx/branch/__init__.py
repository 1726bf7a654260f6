"""What a transform is wrapped in: random branches, gates, parallel branches."""

from collections.abc import Mapping
from functools import partial

from torch import nn

from plusx.branch.bam import BAM, bam_unit
from plusx.branch.cbam import CBAM
from plusx.branch.drop_path import DropPath
from plusx.branch.eca import ECA
from plusx.branch.gate import Gate, Gated, GatedCandidate, gated
from plusx.branch.hybrid import HybridAttention
from plusx.branch.hybrid_parts import FixedStrength, parallel, place_first
from plusx.branch.non_local import Concat, Dot, Embedded, Gaussian, NonLocal, non_local_unit
from plusx.branch.se import SE
from plusx.branch.shake import Shake
from plusx.branch.shake_drop import ShakeDrop

__all__ = [
    "ATTENTION",
    "BAM",
    "CBAM",
    "ECA",
    "GATES",
    "SE",
    "DropPath",
    "Gate",
    "Gated",
    "GatedCandidate",
    "HybridAttention",
    "NonLocal",
    "Shake",
    "ShakeDrop",
    "WEIGHING",
    "bam_unit",
    "gated",
    "non_local_unit",
]

GATES: Mapping[str, Gate] = {
    "se": SE,
    "eca": ECA,
    "cbam": CBAM,
    "bam": bam_unit,
    "nonlocal": partial(non_local_unit, pairwise=Embedded),
    "nonlocal-gaussian": partial(non_local_unit, pairwise=Gaussian),
    "nonlocal-dot": partial(non_local_unit, pairwise=Dot),
    "nonlocal-concat": partial(non_local_unit, pairwise=Concat),
    "hybrid": HybridAttention,
    "hybrid-channel": partial(HybridAttention, place=None),
    "hybrid-spatial": partial(HybridAttention, channel=None),
    "hybrid-static": partial(HybridAttention, strength=FixedStrength),
    "hybrid-noskip": partial(HybridAttention, skip=0),
    "hybrid-spatial-first": partial(HybridAttention, fusion=place_first),
    "hybrid-parallel": partial(HybridAttention, fusion=parallel),
}
"""The gates by name."""

ATTENTION: Mapping[str, Gate | None] = {"none": None, **GATES}
"""The values of the option `attention`."""

WEIGHING: tuple[type[nn.Module], ...] = (BAM, CBAM, ECA, SE, HybridAttention)
"""Gates whose weights make numbers between 0 and 1 for others to be multiplied by."""
