"""How right is `plusx train --recipe quick` on Fashion-MNIST? Three seeds, 95% intervals.

Each run reads the test images once, at its end, with the weights that did best on validation. The
interval over seeds (Student's t) tells how much initialisation and order matter; that of the test
images (Wilson; of the run in the middle) how much 10,000 others could. A run that was stopped goes
on where it stood.
"""

import statistics
from functools import partial
from typing import Any

from ledger import TRY, Steps, needs_data, record
from measure import interval
from plusx_run import command, plusx_run

MODELS = ("resnet20", "resnet56")
SEEDS = (0, 1) if TRY else (0, 1, 2)
EXTRA = ["--epochs", "1", "--model", "resnet8"] if TRY else []


def words(model: str, seed: int | str) -> list[str]:
    data = ["--data", "digits" if TRY else "fashion-mnist"]
    return [*data, "--recipe", "quick", "--seed", str(seed), *(EXTRA or ["--model", model])]


def percent(values: Any) -> list[float]:
    return [round(100 * value, 2) for value in values]


def of_model(model: str, runs: list[dict[str, Any]]) -> dict[str, Any]:
    found = [run["accuracy"] for run in runs]
    mean, middle = (
        statistics.mean(found),
        sorted(runs, key=lambda run: run["accuracy"])[len(runs) // 2],
    )
    return {
        "command": command(words(model, "SEED")),
        "accuracy by seed, %": percent(found),
        "mean, %": round(100 * mean, 2),
        "95% interval over seeds": percent(min(1, end) for end in interval(found)),
        "95% interval over test images": percent(middle["interval of the test images"]),
        "epochs": runs[0]["epochs"],
        "median seconds": round(statistics.median(run["seconds"] for run in runs)),
    }


def main() -> None:
    needs_data("accuracy", "fashion-mnist")
    steps = Steps("accuracy", total=len(MODELS) * len(SEEDS), words=words("MODEL", "SEED"))
    figures = {}
    for model in MODELS:
        runs = []
        for seed in SEEDS:
            name = f"{model}-seed{seed}"
            way = partial(plusx_run, name, words(model, seed))
            runs.append(steps.once(name, way))
            if len(runs) > 1:
                figures[model] = of_model(model, runs)
                record("accuracy", figures, seconds=steps.seconds)
    steps.finish()


if __name__ == "__main__":
    main()
