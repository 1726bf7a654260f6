"""The report of a training run: what came of it, and why, on one page."""

from plusx.report.answers import calibration, confusion
from plusx.report.cost import cost
from plusx.report.depth import activations, change, gradient
from plusx.report.examined import examined
from plusx.report.examples import mistakes, seen
from plusx.report.learning import learning
from plusx.report.material import material
from plusx.report.origin import origin
from plusx.report.page import page
from plusx.report.streams import streams
from plusx.report.structure import structure
from plusx.report.verdict import verdict
from plusx.train.result import TrainResult

__all__ = ["build"]

SECTIONS = (
    learning,
    gradient,
    change,
    activations,
    confusion,
    mistakes,
    calibration,
    seen,
    material,
    cost,
    structure,
    origin,
)


def build(result: TrainResult) -> str:
    """Return the report as one HTML file that needs nothing else; the same run, the same text."""
    sections = [section(result) for section in SECTIONS]
    if result.streams is not None:
        sections.insert(SECTIONS.index(confusion), streams(result.streams))
    if result.examination is not None:
        sections.insert(1, examined(result.examination))
    return page(
        f"{result.summary.name} on {result.config.data}: training report",
        header=verdict(result),
        sections=sections,
        footer="Written by plusx. The page loads nothing from elsewhere and runs no script.",
    )
