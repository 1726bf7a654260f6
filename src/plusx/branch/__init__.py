"""What a transform is wrapped in: random branches, gates, parallel branches."""

from collections.abc import Mapping
from functools import partial

from plusx.branch.bam import BAM, bam
from plusx.branch.cbam import CBAM
from plusx.branch.drop_path import DropPath
from plusx.branch.eca import ECA
from plusx.branch.gate import Gate, Gated, gated
from plusx.branch.non_local import Concat, Dot, Embedded, Gaussian, NonLocal, non_local
from plusx.branch.se import SE
from plusx.branch.shake import Shake, even, keep, shake
from plusx.branch.shake_drop import ShakeDrop

__all__ = [
    "BAM",
    "CBAM",
    "ECA",
    "GATES",
    "SE",
    "DropPath",
    "Gate",
    "Gated",
    "NonLocal",
    "Shake",
    "ShakeDrop",
    "bam",
    "even",
    "gated",
    "keep",
    "non_local",
    "shake",
]

GATES: Mapping[str, Gate] = {
    "se": SE,
    "eca": ECA,
    "cbam": CBAM,
    "bam": bam,
    "nonlocal": partial(non_local, pairwise=Embedded),
    "nonlocal-gaussian": partial(non_local, pairwise=Gaussian),
    "nonlocal-dot": partial(non_local, pairwise=Dot),
    "nonlocal-concat": partial(non_local, pairwise=Concat),
}
"""The gates by name, for the option `attention`."""
