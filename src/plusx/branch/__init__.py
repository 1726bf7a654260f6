"""What a transform is wrapped in: random branches, gates, parallel branches."""

from collections.abc import Mapping

from plusx.branch.drop_path import DropPath
from plusx.branch.gate import Gate, gated
from plusx.branch.se import SE

__all__ = ["GATES", "SE", "DropPath", "Gate", "gated"]

GATES: Mapping[str, Gate] = {"se": SE}
"""The gates by name, for the option `attention`."""
