"""What the benchmarks share: steps that are done once, rows, intervals."""

import statistics
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent.parent / "benchmarks"))

import ledger
import measure
import table


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ledger, "UNDER_WAY", tmp_path)
    monkeypatch.setattr(ledger, "RESULTS", tmp_path)


def test_a_benchmark_goes_on_after_the_steps_it_has_done() -> None:
    done: list[str] = []

    def step(name: str) -> list[str]:
        done.append(name)
        return [name]

    first = ledger.Steps("some", total=2, size=3)
    assert first.once("a", lambda: step("a")) == ["a"]
    again = ledger.Steps("some", total=2, size=3)
    assert again.once("a", lambda: step("a")) == ["a"]
    assert again.once("b", lambda: step("b")) == ["b"]
    assert done == ["a", "b"]
    again.finish()
    ledger.Steps("some", total=2, size=3).once("a", lambda: step("a"))
    assert done == ["a", "b", "a"]


def test_other_settings_begin_anew() -> None:
    ledger.Steps("some", total=1, size=3).once("a", lambda: 1)
    assert ledger.Steps("some", total=1, size=4).once("a", lambda: 2) == 2


def test_a_step_that_fails_is_not_done() -> None:
    def broken() -> None:
        raise OSError("broken")

    with pytest.raises(OSError):
        ledger.Steps("some", total=1).once("a", broken)
    assert ledger.Steps("some", total=1).once("a", lambda: 1) == 1


@pytest.mark.parametrize(
    ("row", "cells"),
    [
        (ledger.row("a", 2.5, at_least=2), "| a | at least 2x | 2.5x |"),
        (ledger.row("a", 1.5, at_least=2), "| a | at least 2x | 1.5x, short |"),
        (ledger.row("a", 0.4, unit="s", at_most=0.5), "| a | at most 0.5 s | 0.4 s |"),
        (ledger.row("a", 0.6, unit="s", at_most=0.5), "| a | at most 0.5 s | 0.6 s, over |"),
        (ledger.row("a", 1, highest=3, at_most=2), "| a | at most 2x | 1x to 3x, over |"),
        (ledger.row("a", 1, highest=3, at_least=2), "| a | at least 2x | 1x to 3x, short |"),
        (ledger.row("a", 1234, unit="%", note="b"), "| a | - | 1,234% (b) |"),
    ],
)
def test_a_row_says_what_was_wanted_and_whether_it_is_met(row: ledger.Row, cells: str) -> None:
    assert table.line(row) == cells


def test_the_interval_is_that_of_students_t() -> None:
    stats = pytest.importorskip("scipy.stats")
    for count in measure.T_95:
        values = [float(n * n) for n in range(count)]
        error = statistics.stdev(values) / count**0.5
        low, high = stats.t.interval(0.95, count - 1, statistics.mean(values), error)
        assert measure.interval(values) == pytest.approx((low, high), rel=1e-3)


def test_a_speed_is_the_median_of_the_rounds_ratios() -> None:
    times = {"ours": [1.0, 2.0, 1.0], "theirs": [3.0, 4.0, 8.0]}
    assert measure.ratio(times, "ours", "theirs") == 3.0
    assert measure.medians(times) == {"ours": 1.0, "theirs": 4.0}


def test_every_way_has_its_turn_in_each_round() -> None:
    turns: list[str] = []
    ways = {name: lambda n=name: turns.append(n) for name in "ab"}
    times = measure.interleaved(ways, repeats=2, warmup=1)
    assert turns == ["a", "b"] * 3
    assert {name: len(values) for name, values in times.items()} == {"a": 2, "b": 2}
