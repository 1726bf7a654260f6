"""Analyses draw themselves and list themselves."""

from collections.abc import Iterator

import matplotlib
import pytest
from matplotlib import pyplot
from matplotlib.figure import Figure
from report_samples import guesses, made

from plusx.train.result import TrainResult


@pytest.fixture(scope="module")
def result() -> TrainResult:
    return made(num_probes=1, side=8)


@pytest.fixture(autouse=True)
def _no_window() -> Iterator[None]:
    with matplotlib.rc_context({"backend": "agg"}):
        yield
    pyplot.close("all")


def test_a_plot_draws_on_the_axes_it_is_given(result: TrainResult) -> None:
    test = guesses("abc")
    signal = result.probes[0].signal
    for plot in (result.summary.plot, signal.plot, test.plot, test.plot_calibration):
        ax = Figure().add_subplot()
        assert plot(ax) is ax
        assert ax.has_data()


def test_a_plot_makes_axes_where_it_is_given_none(result: TrainResult) -> None:
    assert result.probes[0].signal.plot().get_xlabel() == "norm of the gradient"


def test_the_gradient_is_drawn_by_depth(result: TrainResult) -> None:
    signal = result.probes[0].signal
    (line,) = signal.plot(Figure().add_subplot()).lines
    assert list(line.get_xdata()) == [part.gradient for part in signal.parts]
    assert list(line.get_ydata()) == list(range(len(signal.parts)))


def test_a_signal_lists_parts_and_activations(result: TrainResult) -> None:
    table = result.probes[0].signal.table()
    assert table.splitlines()[0].split() == ["part", "gradient", "transform", "/", "shortcut"]
    assert len(table.splitlines()) == 2 + 5 + 1 + 2 + 7


def test_an_evaluation_lists_recall_and_precision() -> None:
    test = guesses("ab", count=100)
    (a, b), (c, d) = test.confusion.tolist()
    lines = [line.split() for line in test.table().splitlines()[4:]]
    assert lines == [
        ["a", f"{a + b}", f"{a / (a + b):.1%}", f"{a + c}", f"{a / (a + c):.1%}"],
        ["b", f"{c + d}", f"{d / (c + d):.1%}", f"{b + d}", f"{d / (b + d):.1%}"],
    ]
