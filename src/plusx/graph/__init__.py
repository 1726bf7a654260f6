"""Any network's graph, and the places in it where a shortcut and a transform become one."""

from plusx.graph.join import Join, joins
from plusx.graph.name import names
from plusx.graph.part import context_of, merge_of, part
from plusx.graph.run import output_of, run
from plusx.graph.symbolic import Inputs
from plusx.graph.trace import Traced, trace

__all__ = [
    "Inputs",
    "Join",
    "Traced",
    "context_of",
    "joins",
    "merge_of",
    "names",
    "output_of",
    "part",
    "run",
    "trace",
]
