"""Two or more ways of doing one thing, timed in turns: medians, ratios, and the machine."""

import json
import os
import platform
import re
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch

from plusx.train.environment import environment

RESULTS = Path(__file__).parent / "results"


def interleaved(
    ways: Mapping[str, Callable[[], object]], *, repeats: int, warmup: int = 2
) -> dict[str, list[float]]:
    """Time each way once a round, in turns, so that what disturbs one disturbs all: seconds."""
    times: dict[str, list[float]] = {name: [] for name in ways}
    for round_number in range(warmup + repeats):
        for name, way in ways.items():
            began = time.perf_counter()
            way()
            if round_number >= warmup:
                times[name].append(time.perf_counter() - began)
    return times


def ratio(times: Mapping[str, list[float]], ours: str, theirs: str) -> float:
    """How many times faster `ours` is: the median over rounds of theirs / ours."""
    pairs = zip(times[theirs], times[ours], strict=True)
    return statistics.median(theirs / ours for theirs, ours in pairs)


def medians(times: Mapping[str, list[float]]) -> dict[str, float]:
    return {name: statistics.median(values) for name, values in times.items()}


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


def record(name: str, figures: Mapping[str, Any]) -> None:
    """Write a benchmark's figures, with the machine, to results/NAME.json, and print them."""
    device = "cuda" if torch.cuda.is_available() else "cpu"
    unused = ("precision", "pillow", "lightning-fabric")
    machine = {k: v for k, v in environment(device, "").items() if k not in unused}
    text = json.dumps({"machine": machine, "figures": figures}, indent=2)
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / f"{name}.json").write_text(text + "\n")
    print(f"{name} on {platform.machine()}, {machine['device']}, {machine['cores']} cores")
    for key, value in figures.items():
        print(f"  {key}: {value}")
