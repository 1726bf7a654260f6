"""Sections: gradient, change and activations, from the first layer to the last."""

from collections.abc import Callable, Sequence

from matplotlib.axes import Axes

from plusx.analysis.drawing import BLUE, ORANGE, depth_axis, log_if_wide
from plusx.analysis.signal import ActivationSignal, PartSignal
from plusx.report.blocks import details, grid, paragraph, verbatim
from plusx.report.figures import figure
from plusx.report.heat import heat
from plusx.report.markup import Html, join
from plusx.report.page import Section
from plusx.report.words import number
from plusx.train.result import Probe, TrainResult

__all__ = ["activations", "change", "gradient"]

NO_PROBES = "The run ended before the network was probed, so there is nothing to show here."


def gradient(result: TrainResult) -> Section:
    """Show whether the gradient reaches every part."""
    return Section(
        "gradient",
        "How much gradient reaches each part of the network",
        "The gradient says in which direction, and how urgently, the weights should change. If it "
        "is thousands of times weaker in the first parts than in the last, the first ones do not "
        "learn; shortcuts are there to prevent that.",
        _gradient(result.probes) if result.probes else paragraph(NO_PROBES),
    )


def change(result: TrainResult) -> Section:
    """Show how much each unit adds to what it was given."""
    if not result.probes:
        body = paragraph(NO_PROBES)
    elif not any(part.share is not None for part in result.probes[-1].signal.parts):
        body = paragraph(
            f"{result.summary.name} has no residual units: nothing is added to a shortcut, so "
            "there is no such ratio."
        )
    else:
        body = _change(result.probes)
    return Section(
        "change",
        "How much each unit changes its input",
        "A residual unit adds its transform to its shortcut. The ratio of their norms says how "
        "much: at 1 both weigh the same, near 0 the unit passes its input on unchanged and could "
        "be left out.",
        body,
    )


def activations(result: TrainResult) -> Section:
    """Show what flows through the network, by depth."""
    seen = bool(result.probes) and bool(result.probes[-1].signal.activations)
    none = "The network has no activation that is watched." if result.probes else NO_PROBES
    return Section(
        "activations",
        "What flows through the network, by depth",
        "After each activation function (such as ReLU): the mean and the spread of its output, and "
        "the share of its channels that are zero for every image looked at. The values may grow "
        "or shrink with depth, but not by orders of magnitude.",
        _activations(result.probes) if seen else paragraph(none),
    )


def _gradient(probes: Sequence[Probe]) -> Html:
    parts = [part.name for part in probes[-1].signal.parts]
    figures = grid(
        _heat("gradient-map", probes, parts, of=lambda part: part.gradient, what="gradient norm"),
        figure(
            "gradient-ends",
            lambda ax: _ends(
                probes, lambda probe, label, style: probe.signal.plot(ax, label=label)
            ),
            caption="The first and the last probe of the run.",
            label="Line chart of the gradient norm by depth, for the first and the last probe",
            height=_height(parts),
        ),
    )
    return join([figures, _words(probes[-1]), details("Every part in figures", _verbatim(probes))])


def _change(probes: Sequence[Probe]) -> Html:
    units = [part.name for part in probes[-1].signal.parts if part.share is not None]

    def draw(ax: Axes) -> None:
        def line(probe: Probe, label: str, style: str) -> None:
            shares = [part.share for part in probe.signal.parts if part.share is not None]
            ax.plot(shares, range(len(shares)), label=label)
            log_if_wide(ax, x=shares)

        _ends(probes, line)
        depth_axis(ax, units)
        ax.set_xlabel("norm of transform / norm of shortcut")

    return grid(
        _heat("change-map", probes, units, of=_share, what="norm of transform / norm of shortcut"),
        figure(
            "change-ends",
            draw,
            caption="The first and the last probe of the run.",
            label="Line chart of how much each unit changes its input, first and last probe",
            height=_height(units),
        ),
    )


