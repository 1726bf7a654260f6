"""Any network's graph, and the places in it where a shortcut and a transform become one."""

from plusx.graph.gating import Gating, gatings
from plusx.graph.join import Join, joins
from plusx.graph.name import names, numbered
from plusx.graph.part import context_of, merge_of, part
from plusx.graph.run import output_of, run, run_part
from plusx.graph.symbolic import Inputs
from plusx.graph.trace import Traced, trace

__all__ = [
    "Gating",
    "Inputs",
    "Join",
    "Traced",
    "context_of",
    "gatings",
    "joins",
    "merge_of",
    "names",
    "numbered",
    "output_of",
    "part",
    "run",
    "run_part",
    "trace",
]
