"""Section: how long the run took, how fast it was, and how much memory it needed."""

from collections.abc import Sequence
from statistics import median

from matplotlib.axes import Axes

from plusx.analysis.drawing import BLUE
from plusx.report.blocks import details, facts, grid, paragraph, table
from plusx.report.figures import figure
from plusx.report.learning import by_epoch, from_zero
from plusx.report.markup import Html, join
from plusx.report.page import Section
from plusx.report.words import size, time
from plusx.train.result import Epoch, TrainResult

__all__ = ["cost"]


def cost(result: TrainResult) -> Section:
    """Show speed, memory and time, epoch by epoch and in total."""
    epochs = result.epochs
    if epochs:
        body = join([facts(_totals(result)), _figures(epochs), details("By epoch", _table(epochs))])
    else:
        body = paragraph(f"No epoch was finished; the run took {time(result.seconds)}.")
    return Section(
        "cost",
        "How fast it was, and what it needed",
        "Speed is training images over training time; the time of an epoch includes validation. "
        "Memory is the most that was held up to then, by the process or on the device.",
        body,
    )


def _totals(result: TrainResult) -> dict[str, str]:
    epochs = result.epochs
    return {
        "whole run": time(result.seconds),
        "epochs": f"{len(epochs)} of {result.config.epochs}",
        "steps": f"{epochs[-1].step:,}",
        "speed (median)": f"{median(e.images_per_second for e in epochs):,.0f} images/s",
        "most memory": _memory(max(e.memory_bytes for e in epochs)),
    }


def _memory(num_bytes: int) -> str:
    return size(num_bytes) if num_bytes else "unknown"  # not every system tells


def _figures(epochs: Sequence[Epoch]) -> Html:
    curves = (
        ("speed", "images per second", [e.images_per_second for e in epochs]),
        ("seconds", "seconds an epoch", [e.seconds for e in epochs]),
        ("memory", "memory, MiB", [e.memory_bytes / 2**20 for e in epochs]),
    )

    def drawn(name: str, what: str, values: list[float]) -> Html:
        def draw(ax: Axes) -> None:
            by_epoch(ax, epochs, values, label=what, color=BLUE, line="-")
            from_zero(ax, values)

        return figure(
            f"cost-{name}",
            draw,
            caption=f"{what[0].upper()}{what[1:]}.",
            label=f"Line chart of {what} by epoch",
            height=220,
        )

    return grid(*(drawn(*curve) for curve in curves))


def _table(epochs: Sequence[Epoch]) -> Html:
    head = ("epoch", "images/s", "time", "memory")
    lines = (
        (str(e.epoch), f"{e.images_per_second:,.0f}", time(e.seconds), _memory(e.memory_bytes))
        for e in epochs
    )
    return table(head, lines, label="Speed, time and memory by epoch", words=0)
