"""Charts: names down the page, numbers along it, and whatever figures there are."""

import math

import pytest
from matplotlib.figure import Figure

from plusx.doctor import Chart
from plusx.doctor.draw import draw

NUMBERS = (1.0, 10.0, 100.0)


def test_numbers_lie_along_the_page_with_their_marks() -> None:
    chart = Chart(
        name="learning.range",
        title="Loss by rate",
        caption="",
        x=NUMBERS,
        lines={"loss": (2.0, 1.0, math.inf)},
        x_label="learning rate",
        y_label="loss",
        log="x",
        marks=(("present", 10.0),),
    )
    ax = draw(chart, Figure().add_subplot())
    assert (ax.get_xscale(), ax.get_yscale()) == ("log", "linear")
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("learning rate", "loss")
    assert ax.get_legend_handles_labels()[1] == ["loss", "present: 10"]
    assert math.isnan(list(ax.lines[0].get_ydata())[2])


def test_names_run_down_the_page() -> None:
    names = tuple(f"stages.{i}" for i in range(40))
    chart = Chart(
        name="signal.gradient",
        title="Gradient",
        caption="",
        x=names,
        lines={"gradient": tuple(0.5**i for i in range(40))},
        y_label="norm",
        log="y",
    )
    ax = draw(chart, Figure().add_subplot())
    assert ax.get_xscale() == "log" and ax.get_xlabel() == "norm"
    assert ax.get_ylim()[0] > ax.get_ylim()[1] and len(ax.get_yticks()) <= 12
    assert list(ax.lines[0].get_ydata()) == list(range(40))


@pytest.mark.parametrize("values", [(0.0, 0.0, 0.0), (math.nan,) * 3, (-1.0, 0.0, 2.0)])
@pytest.mark.parametrize("x", [NUMBERS, ("a", "b", "c")])
def test_a_logarithm_of_nothing_draws_without_a_warning(
    values: tuple[float, ...], x: tuple[float, ...] | tuple[str, ...]
) -> None:
    chart = Chart(name="a.b", title="", caption="", x=x, lines={"l": values}, log="y")
    sheet = Figure()
    draw(chart, sheet.add_subplot())
    sheet.canvas.draw()
