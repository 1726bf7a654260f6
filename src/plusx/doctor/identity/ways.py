"""The operations on the ways of a join, looked for between its ends alone."""

from collections.abc import Iterable

from torch import fx

from plusx.graph import Join
from plusx.graph.flow import Flow

__all__ = ["Ways"]


class Ways:
    """`Flow.between` for the hundreds of joins of a deep network."""

    def __init__(self, flow: Flow) -> None:
        self.flow = flow
        self.place = {node: number for number, node in enumerate(flow.nodes)}

    def of(self, join: Join, ends: Iterable[fx.Node]) -> list[fx.Node]:
        """Return what lies on the ways from the join's x to these ends, in order, without x."""
        reached = 0
        for end in ends:
            reached |= self.flow.above[end]
        x = self.flow.bit[join.x]
        part = self.flow.nodes[self.place[join.x] + 1 : self.place[join.y]]
        return [n for n in part if self.flow.bit[n] & reached and x & self.flow.above[n]]
