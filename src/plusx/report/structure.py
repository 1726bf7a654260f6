"""Section: what the network is made of."""

from plusx.report.blocks import table
from plusx.report.figures import figure
from plusx.report.markup import join, tag
from plusx.report.page import Section
from plusx.train.result import TrainResult

__all__ = ["structure"]


def structure(result: TrainResult) -> Section:
    """Show the network unit by unit, equal neighbours on one line."""
    summary = result.summary
    size = " x ".join(map(str, summary.input_size))
    head, *lines = summary.cells()
    drawn = figure(
        "structure-shares",
        summary.plot,
        caption="Where the parameters, the computation and the memory are, the input at the top.",
        label="Line chart of the share of parameters, MACs and activations by depth",
        height=300,
    )
    return Section(
        "structure",
        "What the network is made of",
        "Each unit computes y = merge(shortcut(x), transform(x)). Figures are for one image of "
        f"{size}; a MAC is one multiplication with its addition (half of what others count as "
        "FLOPs), and activations are what a training step has to remember.",
        join(
            [
                table(head, lines, label="The network, unit by unit", words=5, total=1),
                tag("div", drawn, class_="grid"),
            ]
        ),
    )
