"""Section: what was found before the first step."""

from plusx.report.blocks import paragraph
from plusx.report.markup import join
from plusx.report.page import Section
from plusx.report.verdict import findings
from plusx.report.words import time
from plusx.train.result import Examination

__all__ = ["examined"]


def examined(examination: Examination) -> Section:
    """Show the verdict on network, data and optimizer as they were set up."""
    took = f"It took {time(examination.seconds)}, and changed nothing of the run."
    return Section(
        "examination",
        "What the examination found before the first step",
        "A look at the network, its images and its optimizer as the run begins; `plusx doctor` on "
        "the run folder asks everything.",
        join([paragraph(examination.sentence, " ", took), findings(examination.findings)]),
    )
