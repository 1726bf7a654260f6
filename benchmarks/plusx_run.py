"""A run of `plusx train` as a person starts it: to its end, or on from where it was stopped."""

import hashlib
import json
import os
import shutil
import statistics
import subprocess
import sys
import time
from typing import Any

from ledger import UNDER_WAY


def command(words: list[str]) -> str:
    return " ".join(["plusx", "train", *words])


def plusx_run(name: str, words: list[str], *, threads: int | None = None) -> dict[str, Any]:
    """Train as `plusx train WORDS` does; return accuracy, interval, epochs and seconds.

    With so many `threads`; all cores by default. A run goes on only where the words are the same.
    "seconds" are those of training and validation, "wall seconds" those of all processes, from the
    first line of Python to the written report; where the run was stopped on the way there are none.
    "stem gradient" is the median L2 norm of the stem's gradient over the probes of training.
    """
    told = hashlib.blake2b(json.dumps(words).encode(), digest_size=4).hexdigest()
    folder = UNDER_WAY / "runs" / f"{name}-{told}"
    environment = os.environ | ({"OMP_NUM_THREADS": str(threads)} if threads else {})
    begun = (folder / "config.json").exists()
    verb = ["resume", str(folder)] if begun else ["train", *words, "--out", str(folder)]
    began = time.perf_counter()
    if not (folder / "report.html").exists():
        line = [sys.executable, "-m", "plusx", *verb]
        done = subprocess.run(line, stdout=subprocess.DEVNULL, env=environment)
        if done.returncode not in (0, 1):  # 1: the answer is bad news, but an answer
            raise SystemExit(done.returncode)
    wall = time.perf_counter() - began
    lines = list(map(json.loads, (folder / "metrics.jsonl").read_text().splitlines()))
    epochs = [line for line in lines if line["event"] == "epoch"]
    test = next(line for line in lines if line["event"] == "test")
    probes = [line["signal"]["parts"][0]["gradient"] for line in lines if line["event"] == "probe"]
    shutil.rmtree(folder)
    return {
        "accuracy": test["accuracy"],
        "interval of the test images": test["interval"],
        "epochs": len(epochs),
        "validation accuracy by epoch": [epoch["val_accuracy"] for epoch in epochs],
        "stem gradient": statistics.median(probes),
        "seconds": sum(epoch["seconds"] for epoch in epochs),
        "wall seconds": None if begun else wall,
    }
