"""Two or more ways of doing one thing, timed in turns: medians, ratios, intervals, peaks."""

import math
import os
import re
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

T_95 = {2: 12.706, 3: 4.303, 4: 3.182, 5: 2.776}  # of Student's t, by number of values


def interleaved(
    ways: Mapping[str, Callable[[], object]], *, repeats: int, warmup: int = 2
) -> dict[str, list[float]]:
    """Time each way once a round, in turns, so that what disturbs one disturbs all: seconds."""
    times: dict[str, list[float]] = {name: [] for name in ways}
    started = time.perf_counter()
    for round_number in range(warmup + repeats):
        for name, way in ways.items():
            began = time.perf_counter()
            way()
            if round_number >= warmup:
                times[name].append(time.perf_counter() - began)
        done, rounds = round_number + 1, warmup + repeats
        left = (time.perf_counter() - started) / done * (rounds - done)
        if left > 5 or sys.stderr.isatty():
            print(f"  round {done}/{rounds}, {left:.0f} s left   ", end="\r", file=sys.stderr)
    return times


def ratio(times: Mapping[str, list[float]], ours: str, theirs: str) -> float:
    """How many times faster `ours` is: the median over rounds of theirs / ours."""
    pairs = zip(times[theirs], times[ours], strict=True)
    return statistics.median(theirs / ours for theirs, ours in pairs)


def medians(times: Mapping[str, list[float]]) -> dict[str, float]:
    return {name: statistics.median(values) for name, values in times.items()}


def interval(values: Sequence[float]) -> tuple[float, float]:
    """The 95% interval of the mean, by Student's t; needs 2 to 5 values."""
    half = T_95[len(values)] * statistics.stdev(values) / math.sqrt(len(values))
    return statistics.mean(values) - half, statistics.mean(values) + half


def peak_apart(script: str, *arguments: str) -> int:
    """Return the bytes that `script --peak ARGUMENTS`, a process of its own, prints.

    There the allocator hands large tensors back at once: what it would keep is not the network's.
    """
    done = subprocess.run(
        [sys.executable, script, "--peak", *arguments],
        check=True, capture_output=True, text=True,
        env={**os.environ, "MALLOC_MMAP_THRESHOLD_": "65536"},
    )  # fmt: skip
    return int(done.stdout.splitlines()[-1])


def peak_above(way: Callable[[], object], *, times: int) -> int:
    """Return the bytes at the peak of `times` calls over those held before them (Linux)."""
    Path("/proc/self/clear_refs").write_text("5")  # the peak so far is forgotten
    before = _status("VmRSS")
    for _ in range(times):
        way()
    return _status("VmHWM") - before


def _status(field: str) -> int:
    found = re.search(rf"^{field}:\s+(\d+) kB", Path("/proc/self/status").read_text(), re.MULTILINE)
    assert found is not None
    return 1024 * int(found[1])
