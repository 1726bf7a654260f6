"""The charts and maps of a gate study as PNG files."""

import math
from collections.abc import Iterator
from functools import partial

from plusx.explain.gate_study import GateStudy
from plusx.report.gates.labels import (
    labelled_complexity,
    labelled_dynamics,
    labelled_flow,
    labelled_importance,
    labelled_weights,
    labels,
)
from plusx.report.gates.sections import height_of, shown_weights
from plusx.report.gates.where import shown_maps, strip
from plusx.report.png import of_drawing, of_pixels, plain

__all__ = ["pictures"]

INCH = 80  # CSS pixels of a chart in an inch of its file


def pictures(found: GateStudy) -> Iterator[tuple[str, bytes]]:
    """Yield the names of the files with what they hold."""
    for name, content in _all(found):
        yield f"{name}.png", content


def _all(found: GateStudy) -> Iterator[tuple[str, bytes]]:
    by = labels(found.weights)
    tall = (5.0, height_of(len(by) + 1) / INCH)
    yield "dynamics", of_drawing(labelled_dynamics(found.dynamics, by).plot, size=tall)
    yield "flow", of_drawing(labelled_flow(found.flow, by).plot, size=tall)
    short = labelled_weights(found.weights, by)
    for gate in shown_weights(found):
        yield f"weights-{plain(gate)}", of_drawing(partial(short.plot, gate=by[gate]))
    for each in shown_maps(found):
        yield f"where-{plain(each.gate)}", of_pixels(strip(found, each))
    if found.complexity is not None:
        known = [row.measure for row in found.complexity.rows if math.isfinite(row.r)]
        for measure in dict.fromkeys(known):
            one = labelled_complexity(found.complexity, by, measure)
            yield f"complexity-{measure}", of_drawing(one.plot, size=tall)
    if found.importance is not None:
        yield "importance", of_drawing(labelled_importance(found.importance, by).plot)
