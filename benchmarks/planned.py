"""Claim: `plusx plan` foretells images per second of 1 and 2 processes within a factor of three.

resnet20 on digits, batch 128, float32, one thread a process; planned / measured, the best of three
epochs, since others use the machine too.
"""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import torch

from ledger import record, row
from plusx.train.config import TrainConfig
from plusx.train.plan import plan

SETTINGS = {"model": "resnet20", "recipe": "usual", "batch_size": 128, "epochs": 3}


def measured(processes: int) -> float:
    words = [f"--{name.replace('_', '-')}={value}" for name, value in SETTINGS.items()]
    with tempfile.TemporaryDirectory() as folder:
        run = Path(folder) / "run"
        subprocess.run(
            [sys.executable, "-m", "plusx", "train", "--data=digits", "--device=cpu", *words,
             "--precision=32", f"--devices={processes}", f"--out={run}"],
            check=True, stdout=subprocess.DEVNULL, env={**os.environ, "OMP_NUM_THREADS": "1"},
        )  # fmt: skip
        lines = map(json.loads, (run / "metrics.jsonl").read_text().splitlines())
        return max(line["images_per_second"] for line in lines if line["event"] == "epoch")


def main() -> None:
    os.environ["OMP_NUM_THREADS"] = "1"
    torch.set_num_threads(1)
    config = TrainConfig(data="digits", device="cpu", precision="32", **SETTINGS)
    figures = {}
    for processes in (1, 2):
        foretold = plan(config, gpus=processes).images_per_second
        found = measured(processes)
        figures[f"{processes} process(es)"] = {
            "planned images/s": round(foretold),
            "measured images/s": round(found),
            "planned / measured": round(foretold / found, 2),
        }
    record(
        "planned",
        figures,
        rows=[
            row(
                f"`plusx plan`, resnet20, {name}: planned over measured images/s, or its inverse",
                round(max(of["planned / measured"], 1 / of["planned / measured"]), 2),
                at_most=3,
            )
            for name, of in figures.items()
        ],
    )


if __name__ == "__main__":
    main()
