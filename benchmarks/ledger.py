"""What was measured: steps while a benchmark is under way, then figures, machine, rows of README.

`--try` on a benchmark's command line makes everything small, and keeps what comes of it apart.
"""

import json
import os
import platform
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from threading import Lock
from typing import Any

import torch

from plusx.files import write_text
from plusx.train.environment import environment

HERE = Path(__file__).parent
TRY = "--try" in sys.argv[1:]
UNDER_WAY = HERE / "under-way" / ("tried" if TRY else "measured")
RESULTS = UNDER_WAY if TRY else HERE / "results"
PEERS = HERE.parent / ".venv-peers" / "bin" / "python"
CORES = len(os.sched_getaffinity(0))
Row = dict[str, Any]

_began = time.perf_counter()


class Steps:
    """The steps of a benchmark, each done once: one that was stopped goes on after the last.

    `settings` are all that a step's value depends on: with others, or another machine or torch,
    the benchmark begins anew. So many are done `at_once`, by threads of their own: `seconds` are
    those of the machine.
    """

    def __init__(self, name: str, *, total: int, at_once: int = 1, **settings: Any) -> None:
        self.name, self.total, self.at_once = name, total, at_once
        self.alone = Lock()
        self.path = UNDER_WAY / f"{name}.steps.json"
        self.settings = json.loads(json.dumps({**settings, "machine": machine()}))
        self.values: dict[str, Any] = {}
        self.seconds = 0.0
        self.now: list[float] = []
        if self.path.exists():
            before = json.loads(self.path.read_text())
            if before["settings"] == self.settings:
                self.values, self.seconds = before["values"], before["seconds"]
                print(f"{name}: going on after {len(self.values)} of {total} steps", flush=True)

    def once(self, key: str, way: Callable[[], Any]) -> Any:
        """Return what `way` gave for `key`, plain JSON; do it now if it was not done before."""
        if key in self.values:
            return self.values[key]
        began = time.perf_counter()
        value = json.loads(json.dumps(way()))
        with self.alone:
            self._keep(key, value, time.perf_counter() - began)
        return value

    def _keep(self, key: str, value: Any, seconds: float) -> None:
        self.now.append(seconds / self.at_once)
        self.values[key] = value
        self.seconds += self.now[-1]
        done = {"settings": self.settings, "seconds": self.seconds, "values": self.values}
        write_text(self.path, json.dumps(done, indent=2) + "\n")
        left = (self.total - len(self.values)) * sum(self.now) / len(self.now)
        print(
            f"{self.name} {len(self.values)}/{self.total}: {key}, {seconds:.0f} s; "
            f"about {left / 60:.0f} min left",
            flush=True,
        )

    def finish(self) -> None:
        """Forget the steps: the benchmark is recorded."""
        self.path.unlink(missing_ok=True)


def machine() -> dict[str, Any]:
    device = "cuda" if torch.cuda.is_available() else "cpu"
    unused = ("precision", "pillow", "lightning-fabric")
    return {k: v for k, v in environment(device, "").items() if k not in unused}


def record(
    name: str,
    figures: Mapping[str, Any],
    *,
    rows: Sequence[Row] = (),
    seconds: float | None = None,
) -> None:
    """Write a benchmark's figures and rows, with the machine, to results/NAME.json; print them.

    `seconds` is what measuring took; by itself since this process began.
    """
    taken = time.perf_counter() - _began if seconds is None else seconds
    made = {"machine": machine(), "seconds": round(taken), "figures": figures, "rows": rows}
    write_text(RESULTS / f"{name}.json", json.dumps(made, indent=2) + "\n")
    print(f"{name} on {platform.machine()}, {made['machine']['device']}, {CORES} cores")
    for row in rows:
        print("  " + ", ".join(f"{key} {value}" for key, value in row.items()))


def recorded(name: str) -> Any:
    """Return the figures of results/NAME.json, or None."""
    path = RESULTS / f"{name}.json"
    return json.loads(path.read_text())["figures"] if path.exists() else None


def row(
    what: str,
    value: float,
    *,
    unit: str = "x",
    highest: float | None = None,
    at_least: float | None = None,
    at_most: float | None = None,
    note: str = "",
) -> Row:
    """Make a line of README's table; with `highest`, `value` is the lowest of several."""
    row = {"what": what, "value": value, "highest": highest, "unit": unit}
    row |= {"at_least": at_least, "at_most": at_most, "note": note or None}
    return {key: entry for key, entry in row.items() if entry is not None}


def apart(python: str | Path, script: str, *arguments: str) -> Any:
    """Return the JSON that `script ARGUMENTS` prints last, in a process with a heap of its own."""
    words = [str(python), str(HERE / script), *arguments, *["--try"] * TRY]
    done = subprocess.run(words, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"{' '.join(words)} failed:\n{done.stderr}")
    return json.loads(done.stdout.splitlines()[-1])


def needs_data(name: str, *names: str) -> Path:
    """Return the folder PLUSX_DATA with `names` in it; without it say so and end the benchmark."""
    folder = Path(os.environ.get("PLUSX_DATA", ""))
    lacking = [n for n in names if "PLUSX_DATA" not in os.environ or not (folder / n).exists()]
    if lacking:
        print(f"{name}: skipped, PLUSX_DATA names no folder with {', '.join(lacking)}")
        raise SystemExit(0)
    return folder


def needs_peers(name: str) -> None:
    """Without the peers' environment say so and end the benchmark."""
    if not has_peers(name):
        raise SystemExit(0)


def has_peers(name: str) -> bool:
    """Say, also in a line, whether the peers' environment was made."""
    if not PEERS.exists():
        print(f"{name}: skipped, torchvision and timm are not there (`make test-peers`)")
    return PEERS.exists()
